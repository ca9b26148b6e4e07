# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Candidates for places to label, found tile by tile."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from ..clustering import middle_of_cells
from ..datasets import PixelWindow
from ..datasets.sample import Sample
from ..inference.prediction import TileModel
from ..inference.tiles import TileSink
from ..models import upsample_labels
from .clusters import SceneClusters
from .features import PlaceFeatures
from .reading import validity
from .settings import CANDIDATES, INTERIOR

#: Columns of what is known of a cell; moments follow.
CLUSTER, SCORE, DOUBT, CLASS, CONFIDENCE, INSIDE, WHOLE, MOMENTS = range(8)


class CellNetwork(TileModel):
    """Computes what makes a cell a good place to label."""

    def __init__(self, features: PlaceFeatures, clusters: SceneClusters) -> None:
        """Initialize a new CellNetwork instance.

        Args:
            features: Features of a fitted segmenter.
            clusters: Clusters of the scene.
        """
        super().__init__()
        self.features = features
        self.clusters = clusters

    @torch.inference_mode()
    def forward(self, image: Tensor, valid: Tensor) -> Tensor:
        """Compute what is known of each cell.

        Args:
            image: Bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.

        Returns:
            Cluster, how typical of it and how far inside of it the cell is, how doubtful
            the cluster is, class of the segmenter, its probability, whether the middle
            is no edge of a region, whether the cell is valid, and moments, of shape
            ``(B, F, h, w)``.
        """
        features, clusters = self.features, self.clusters
        x, inside = features.prepare(image, valid)
        pooled = features.pool(x, inside) if clusters.needs_features else None
        probabilities = clusters(x, inside, pooled)
        prior = clusters.classes.prior
        s = prior.mask_stride
        whole = -F.max_pool2d(-inside, s)[:, 0] > 0
        labels = clusters.assign(probabilities, x, inside)
        depth = edge_distance(labels.masked_fill(~whole, -1), INTERIOR)
        best = probabilities.topk(2, 1).values
        # What users see as regions are those of the map of the segmenter.
        model = features.network.model
        logits = model.coarse_logits(x, inside).float()
        sure, classes = logits.softmax(1).max(1)
        size = (x.shape[-2], x.shape[-1])
        fine = upsample_labels(logits, s, size, model.evidence(x, inside))
        ring = edge_distance(fine.masked_fill(inside[:, 0] <= 0, -1), 1)
        good = whole & (ring[:, s // 2 :: s, s // 2 :: s] > 0)
        score = depth / INTERIOR + best[:, 0]
        doubt = 1 - best[:, 0] + best[:, 1]
        known = [labels, score, doubt, classes, sure, good, whole]
        moments = middle_of_cells(prior.moments(x, inside, prior.step), prior.places)
        cells = torch.cat([torch.stack([v.float() for v in known], 1), moments], 1)
        return cells[..., : -(-image.shape[-2] // s), : -(-image.shape[-1] // s)]

    def predict_step(
        self, batch: Sample, batch_idx: int, dataloader_idx: int = 0
    ) -> dict[str, Tensor]:
        """Compute what is known of each pixel's cell.

        Args:
            batch: The output of your DataLoader.
            batch_idx: Integer displaying index of this batch.
            dataloader_idx: Index of the current dataloader.

        Returns:
            ``labels``, the clusters, of shape ``(B, H, W)``, and ``cells``, of shape
            ``(B, H, W, F)``.
        """
        image = batch['image']
        height, width = image.shape[-2:]
        cells = self(image, validity(batch)).movedim(1, -1)
        s = self.clusters.classes.prior.mask_stride
        cells = cells.repeat_interleave(s, 1).repeat_interleave(s, 2)
        cells = cells[:, :height, :width]
        return {'labels': cells[..., CLUSTER], 'cells': cells}


def edge_distance(labels: Tensor, most: int) -> Tensor:
    """How many cells there are to the edge of a region, up to a few.

    Args:
        labels: Labels of shape ``(B, h, w)``, below zero where there is none.
        most: Largest distance.

    Returns:
        Widths of the rings of neighbours of the same label, of the same shape; zero at
        edges, those of the image included.
    """
    depth = torch.zeros_like(labels, dtype=torch.float32)
    values = labels[:, None].float()
    for reach in range(1, most + 1):
        padded = F.pad(values, (reach,) * 4, value=-2)
        highest = F.max_pool2d(padded, 2 * reach + 1, 1)
        lowest = -F.max_pool2d(-padded, 2 * reach + 1, 1)
        same = (highest == lowest)[:, 0]
        if not same.any():
            break
        depth += same
    return depth


class CandidateSink(TileSink):
    """Keeps the best place of each cluster, and some places anywhere."""

    kinds = ('cells',)

    def __init__(
        self,
        num_clusters: int,
        stride: int,
        seed: int,
        within: Sequence[npt.NDArray[np.bool_]] | None = None,
    ) -> None:
        """Initialize a new CandidateSink instance.

        Args:
            num_clusters: Number of clusters.
            stride: Height and width of cells in pixels.
            seed: Seed of the choice of places anywhere.
            within: Where places may be in each image (defaults to anywhere).
        """
        self.stride = stride
        self.rng = np.random.default_rng(seed)
        self.within = within
        #: How much each cluster matters: the number of its cells, doubtful ones twice.
        self.weights = np.zeros(num_clusters)
        #: Number of the image, row and column of the best place of each cluster, below
        #: zero where there is none, and what is known of it.
        self.places = np.full((num_clusters, 3), -1)
        self.known: list[npt.NDArray[np.float32] | None] = [None] * num_clusters
        #: The same of places anywhere, and the lots by which they were drawn.
        self.others = np.empty((0, 3), np.int64)
        self.known_others: npt.NDArray[np.float32] | None = None
        self.lots = np.empty(0)

    def on_predict_start(self, trainer: Any, pl_module: Any) -> None:
        """Remember where tiles come from.

        Args:
            trainer: Trainer, of which the data module has rasters or arrays.
            pl_module: Not used.
        """
        self.source = trainer.datamodule

    def _take(
        self, w: PixelWindow, image: npt.NDArray[Any], cores: dict[str, Any]
    ) -> None:
        s = self.stride
        rows, cols = (
            np.arange(first + (s // 2 - first) % s, first + length, s)
            for first, length in (
                (w.core_row, w.core_height),
                (w.core_col, w.core_width),
            )
        )
        cells = cores['cells'][rows[:, None] - w.core_row, cols - w.core_col]
        good = cells[..., INSIDE] > 0
        clusters = cells[..., CLUSTER].astype(np.int64)
        counted = cells[..., WHOLE] > 0
        np.add.at(self.weights, clusters[counted], 1 + cells[..., DOUBT][counted])
        if self.within is not None:
            good &= self.within[w.file][rows[:, None], cols]
        row, col = np.nonzero(good)
        places = np.column_stack([np.full(len(row), w.file), rows[row], cols[col]])
        found, own = cells[row, col], clusters[row, col]
        for cluster in np.unique(own):
            here = np.flatnonzero(own == cluster)
            best = here[found[here, SCORE].argmax()]
            known = self.known[cluster]
            if known is None or found[best, SCORE] > known[SCORE]:
                self.known[cluster] = found[best]
                self.places[cluster] = places[best]
        self._draw(places, found)

    def _draw(
        self, places: npt.NDArray[np.int64], found: npt.NDArray[np.float32]
    ) -> None:
        """Keep those with the highest lots of all."""
        lots = np.concatenate([self.lots, self.rng.random(len(places))])
        keep = np.argsort(-lots, kind='stable')[:CANDIDATES]
        self.lots = lots[keep]
        self.others = np.concatenate([self.others, places])[keep]
        old = self.known_others
        both = found if old is None else np.concatenate([old, found])
        self.known_others = both[keep]
