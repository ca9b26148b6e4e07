# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""From bands to classes of points, in the loop over tiles."""

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt
import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from ..colors import lent_colors
from ..datasets.sample import Sample
from ..models import KTexturesModel, upsample_logits
from ..models.class_colors import model_colors
from ..models.pixel_labels import class_confidence, upsample_labels
from .blend import PointBlend
from .cluster_maps import ClusterMaps
from .features import PlaceFeatures
from .reading import validity
from .settings import STEP


class PointNetwork(LightningModule):
    """Computes features, and has the classifier tell classes from them.

    It takes the place of a task in the loop over tiles.
    """

    points: Tensor
    codes: Tensor
    places: Tensor

    #: What predictions hold, of 'labels', 'confidence', 'probabilities' and 'shares'.
    predict_keys: Sequence[str] = ('labels', 'probabilities')

    def __init__(
        self,
        features: PlaceFeatures,
        points: npt.NDArray[np.float32],
        codes: npt.NDArray[np.int64],
        places: npt.NDArray[np.float32],
        seed: int,
        maps: ClusterMaps | None = None,
    ) -> None:
        """Initialize a new PointNetwork instance.

        Args:
            features: Features with clusters.
            points: Features of the points, of shape ``(N, F)``.
            codes: Numbers of their classes, of shape ``(N,)``.
            places: Features of places without a class, of shape ``(M, F)``.
            seed: Seed of the classifier.
            maps: Maps that tell the clusters of places (defaults to the segmenter).
        """
        super().__init__()
        self.features = features
        # What the classifier was fitted to is what tells one network from another.
        self.register_buffer('points', torch.from_numpy(points))
        self.register_buffer('codes', torch.from_numpy(codes))
        self.register_buffer('places', torch.from_numpy(places))
        self.seed = seed
        self.maps = maps
        if maps is not None:
            self.register_buffer('clusters', maps.identity())
        self.blend = PointBlend(features.layout, seed).fit(points, codes, places)
        self.hparams.update({'num_classes': len(self.blend.classes_)})

    @property
    def model(self) -> KTexturesModel:
        """The model of the segmenter."""
        return self.features.network.model

    @property
    def context(self) -> int:
        """Number of pixels around a pixel that its features see, at most."""
        return self.model.mask_network.context

    def map_colors(self) -> dict[int, tuple[int, int, int, int]]:
        """Colours of the classes in maps: those of the clusters of their points.

        Returns:
            Red, green, blue and alpha in 0..255 by class, see
            :func:`~torchgeo_ktextures.colors.lent_colors`.
        """
        # Probabilities of the clusters come after what a place looks like.
        start, count = self.features.layout.appearance, self.features.num_classes
        shares = self.points[:, start : start + count].cpu().numpy()
        known = shares.max(1) > shares.min(1)
        votes = np.zeros((len(self.blend.classes_), count), np.int64)
        codes = self.codes.cpu().numpy()
        np.add.at(votes, (codes[known], shares[known].argmax(1)), 1)
        if self.maps is not None:
            return lent_colors(dict(enumerate(self.maps.colors)), votes)
        return lent_colors(model_colors(self.model), votes)

    @torch.inference_mode()
    def forward(
        self, image: Tensor, valid: Tensor, clusters: Tensor | None = None
    ) -> Tensor:
        """Compute logarithms of probabilities at places two pixels apart.

        Args:
            image: Bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.
            clusters: What maps tell, see :meth:`.ClusterMaps.shares`.

        Returns:
            Log-probabilities of shape ``(B, K, ceil(H / 2), ceil(W / 2))``.
        """
        found = self.features(image, valid, clusters).movedim(1, -1)
        vectors = found.reshape(-1, found.shape[-1]).cpu().numpy()
        logits = torch.from_numpy(self.blend.predict_log_proba(vectors))
        logits = logits.to(found.device).view(*found.shape[:3], -1)
        return logits.movedim(-1, 1).contiguous()

    def predict(
        self,
        image: Tensor,
        valid: Tensor,
        keys: Collection[str] = ('labels',),
        clusters: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Compute what is asked for of each pixel.

        Args:
            image: Bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.
            keys: Names of what is asked for.
            clusters: What maps tell, see :meth:`.ClusterMaps.shares`.

        Returns:
            'labels' of shape ``(B, H, W)`` and 'confidence' of the same in percent, both
            -1 where invalid, 'probabilities' of shape ``(B, K, H, W)``, and 'shares',
            which are these of shape ``(B, H, W, K)``, NaN where invalid.
        """
        invalid = valid[:, 0] <= 0
        size = (image.shape[-2], image.shape[-1])
        if invalid.all():
            cells = [-(-n // STEP) for n in size]
            logits = image.new_zeros(len(image), len(self.blend.classes_), *cells)
        else:
            logits = self(image, valid, clusters)
        found = {}
        if 'labels' in keys:
            labels = upsample_labels(logits, STEP, size)
            found['labels'] = labels.masked_fill(invalid, -1)
        if 'confidence' in keys:
            ahead = class_confidence(logits, STEP, size)
            found['confidence'] = ahead.masked_fill(invalid, -1)
        if 'probabilities' in keys or 'shares' in keys:
            probabilities = upsample_logits(logits, STEP, size).softmax(1)
            if 'probabilities' in keys:
                found['probabilities'] = probabilities
            shares = probabilities.movedim(1, -1)
            found['shares'] = shares.masked_fill(invalid[..., None], torch.nan)
        return found

    def predict_step(
        self, batch: Sample, batch_idx: int, dataloader_idx: int = 0
    ) -> dict[str, Tensor]:
        """Compute the class of each pixel.

        Args:
            batch: The output of your DataLoader.
            batch_idx: Integer displaying index of this batch.
            dataloader_idx: Index of the current dataloader.

        Returns:
            What :attr:`predict_keys` names, see :meth:`predict`.
        """
        clusters = None
        if self.maps is not None:
            scenes = self.trainer.datamodule.predict_dataset.files  # type: ignore[attr-defined]
            clusters = self.maps.shares(batch, scenes)
        valid = validity(batch)
        return self.predict(batch['image'], valid, self.predict_keys, clusters)
