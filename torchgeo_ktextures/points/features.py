# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What is known of a place, before anyone labels it."""

import copy
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..clustering.settings import CELL
from ..losses import pad_to_grid
from ..models import LabelNetwork
from ..tasks import KTextures
from ..tasks.initialization import measure_cells
from .blend import Layout, clusters_of
from .clusters import SceneClusters
from .settings import COARSE, COARSE_WINDOW, FEATURE_CLUSTERS, PLACES_PER_CLUSTER, STEP

#: Bands and validity of patches, and what the features of a place take besides.
type Patch = tuple[Tensor, ...]


class PlaceFeatures(nn.Module):
    """Features of places two pixels apart: bands, moments, textures and classes.

    The edge-aware moments are those that clusters are found by, and those of a wider
    neighbourhood; textures are the reduced features of the extractor. Classes are the
    probabilities of the segmenter, or what is known of them otherwise, and those of
    coarser and finer clusters.
    """

    def __init__(
        self,
        task: KTextures,
        num_clusters: Sequence[int],
        num_classes: int | None = None,
    ) -> None:
        """Initialize a new PlaceFeatures instance.

        Args:
            task: Fitted task, which is left as it is.
            num_clusters: Numbers of clusters.
            num_classes: Number of classes, if others than those of the task are given
                with each image. Points lend their classes in these as well.
        """
        super().__init__()
        self.network = LabelNetwork(task.model)
        self.criterion = copy.deepcopy(task.criterion).eval().requires_grad_(False)
        self.num_clusters = list(num_clusters)
        self.clusters = nn.ModuleList(
            SceneClusters(self.criterion, k) for k in num_clusters
        )
        self.moments = self.criterion.clusters.prior.moments
        in_channels = len(self.moments.local.dark)
        counts = [6 * in_channels, *(2 * in_channels for _ in COARSE)]
        bands = sum(counts)
        counts.append(self.criterion.clusters.space.projection.shape[1])
        appearance = sum(counts)
        #: Number of classes, k.
        self.num_classes = num_classes or task.model.num_classes
        memberships = []
        for k in (self.num_classes, *num_clusters):
            memberships.append(slice(sum(counts), sum(counts) + k))
            counts.append(k)
        if num_classes is None:  # clusters are those of the segmenter, but finer
            del memberships[0]
        #: What the channels are.
        self.layout = Layout(bands, appearance, memberships)
        #: Number of features.
        self.channels = sum(counts)

    @torch.no_grad()
    def fit(self, patches: Iterable[Patch], seed: int) -> None:
        """Find the clusters.

        Args:
            patches: Bands and validity of patches; what else there is does not count.
            seed: Seed of everything that is random.

        Raises:
            ValueError: If there are fewer different cells than clusters.
        """
        prepared = [self.prepare(image, valid) for image, valid, *_ in patches]
        sample = measure_cells(self.criterion, prepared)
        for clusters in self.clusters:
            assert isinstance(clusters, SceneClusters)
            clusters.fit(sample, seed)

    @torch.no_grad()
    def prepare(self, image: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Normalize bands, and pad to whole cells of the coarsest features.

        Args:
            image: Bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.

        Returns:
            Normalized bands, and 1 where they are valid and no outliers.
        """
        model = self.network.model
        return pad_to_grid(model.prepare(image, valid), model.inliers(image, valid))

    @torch.no_grad()
    def pool(self, x: Tensor, valid: Tensor) -> Tensor:
        """Extract features, and average them over cells of 4 x 4 pixels.

        Args:
            x: Bands that :meth:`prepare` returns.
            valid: Their validity.

        Returns:
            Vectors of shape ``(B, sum F, h, w)``.
        """
        features = self.criterion.similarity.features(x, valid)
        size = (x.shape[-2], x.shape[-1])
        return self.criterion.clusters.space.pool(features, size)

    @torch.no_grad()
    def forward(
        self, image: Tensor, valid: Tensor, classes: Tensor | None = None
    ) -> Tensor:
        """Compute features.

        Args:
            image: Bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.
            classes: Probabilities of the classes of places, of shape ``(B, k,
                ceil(H / 2), ceil(W / 2))`` (defaults to those of the segmenter).

        Returns:
            Features of shape ``(B, F, ceil(H / 2), ceil(W / 2))``.
        """
        x, inside = self.prepare(image, valid)
        places = [x[..., ::STEP, ::STEP], self.moments(x, inside, STEP)]
        places += [self._coarse(x, inside, factor) for factor in COARSE]
        pooled = self.pool(x, inside)
        reduced = self.criterion.clusters.space(pooled).movedim(-1, 1)
        places.append(_resize(reduced, CELL / STEP))
        factor = self.network.model.mask_network.mask_stride / STEP
        if classes is None:
            model, padded = self.network.model, pad_to_grid(image, valid)[1]
            logits = model.coarse_logits(x, padded)
            classes = _resize(logits.float().softmax(1), factor)
        places.append(classes.to(x.device))
        for clusters in self.clusters:
            places.append(_resize(clusters(x, inside, pooled), factor))
        height, width = (-(-n // STEP) for n in image.shape[-2:])
        return torch.cat([part[..., :height, :width] for part in places], 1)

    def _coarse(self, x: Tensor, valid: Tensor, factor: int) -> Tensor:
        """Moments of averaged bands."""
        share = F.avg_pool2d(valid, factor)
        averaged = F.avg_pool2d(x * valid, factor) / share.clamp(min=1e-6)
        local = self.moments.local
        inside = (share > 0.5).to(x.dtype)
        found: Tensor = local(local.logarithm(averaged), inside, COARSE_WINDOW)
        return _resize(found, factor / STEP)


def _resize(values: Tensor, factor: float) -> Tensor:
    """Bring values from another grid to that of the places."""
    if factor == 1:
        return values
    if factor < 1:
        return F.avg_pool2d(values, round(1 / factor))
    return F.interpolate(values, scale_factor=factor, mode='bilinear')


def fit_features(
    task: KTextures,
    patches: Sequence[Patch],
    seed: int,
    num_classes: int | None = None,
) -> PlaceFeatures:
    """Find clusters of patches, fewer where there are not enough different cells.

    Args:
        task: Fitted task.
        patches: Bands and validity of patches.
        seed: Seed of everything that is random.
        num_classes: Number of classes, if they are not those of the task.

    Returns:
        Features with these clusters.

    Raises:
        ValueError: If there are not even two different cells.
    """
    counts = FEATURE_CLUSTERS
    while True:
        features = PlaceFeatures(task, counts, num_classes).eval()
        try:
            features.fit(patches, seed)
        except ValueError:
            if max(counts) == 2:
                raise
            counts = tuple(max(2, k // 2) for k in counts)
        else:
            return features


def draw_places(
    features: PlaceFeatures, patches: Iterable[Patch], seed: int
) -> npt.NDArray[np.float32]:
    """Draw some places of each cluster, of which the class is not known.

    Args:
        features: Fitted features.
        patches: Bands and validity of patches, and probabilities of classes, if the
            segmenter does not tell them.
        seed: Seed of the choice.

    Returns:
        Features of the places, of shape ``(M, F)``.
    """
    found = []
    for image, valid, *classes in patches:
        inside = valid[:, 0, ::STEP, ::STEP] > 0
        found.append(features(image, valid, *classes).movedim(1, -1)[inside])
    vectors: npt.NDArray[np.float32] = torch.cat(found).numpy()
    rng = np.random.default_rng(seed)
    kept = []
    for columns in features.layout.memberships:
        clusters = clusters_of(vectors[:, columns])
        for cluster in np.unique(clusters[clusters >= 0]):
            own = np.flatnonzero(clusters == cluster)
            kept.append(rng.permutation(own)[:PLACES_PER_CLUSTER])
    drawn: npt.NDArray[np.float32] = vectors[np.unique(np.concatenate(kept))]
    return drawn
