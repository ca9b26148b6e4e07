# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""k-textures as in the paper, and its clusters alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch

from torchgeo_ktextures.losses import pad_to_grid
from torchgeo_ktextures.models import finite_pixels

from ..sets import Image, Labels
from .ktextures import KTextures

#: Random start, and nothing but the similarity of features: VGG-16 up to the
#: penultimate convolutional block, and our extractor in place of that of the paper.
_PAPER = (
    ('init', 'random'),
    ('assignment_weight', 0.0),
    ('features', ('vgg16_relu4_3', 'planet_stride4', 'planet_stride8')),
)


@dataclass(frozen=True)
class PaperKTextures(KTextures):
    """The method of the paper (https://arxiv.org/abs/2205.08671)."""

    changed: tuple[tuple[str, Any], ...] = _PAPER
    vgg_weights: str | None = None

    def _estimator(self, **kwargs: Any) -> Any:
        return super()._estimator(**({'weights': self.vgg_weights} | kwargs))

    @property
    def settings(self) -> dict[str, Any]:
        """Settings, which JSON can hold; where weights are does not matter."""
        return super().settings | {'weights': 'VGG-16'}

    def with_settings(self, values: dict[str, Any]) -> Self:
        """Change parameters of the estimator, or the file of VGG-16.

        Args:
            values: New values by name.

        Returns:
            The method with these parameters.
        """
        rest = {k: v for k, v in values.items() if k != 'vgg_weights'}
        changed = super().with_settings(rest).changed
        return type(self)(changed, values.get('vgg_weights', self.vgg_weights))

    def unavailable(self) -> str | None:
        """Say why the method cannot run here, or None if it can."""
        if self.vgg_weights is None:
            return 'it needs VGG-16, give its weights by --weights FILE'
        return super().unavailable()


@dataclass(frozen=True)
class Mixture(KTextures):
    """The clusters that k-textures begins with, on the mask grid, and no training."""

    changed: tuple[tuple[str, Any], ...] = (('max_steps', 1),)

    @torch.inference_mode()
    def fit_predict(
        self, images: Sequence[Image], n_clusters: int, seed: int
    ) -> list[Labels]:
        """Fit on images, without labels, and predict all of them."""
        estimator = self._estimator(n_clusters=n_clusters, random_state=seed)
        with torch.inference_mode(False):
            estimator.fit_model(list(images))
        task = estimator.task_.eval()
        maps = []
        for image in images:
            bands = torch.from_numpy(image)[None]
            valid = finite_pixels(bands)
            x, inside = pad_to_grid(task.model.prepare(bands, valid), valid)
            features = task.criterion.similarity.features(x, inside)
            cells = task.criterion.clusters(features, x, inside)[0].numpy()
            stride = estimator.mask_stride
            labels = cells.repeat(stride, 0).repeat(stride, 1)
            labels = labels[: image.shape[1], : image.shape[2]].astype(np.int64)
            maps.append(np.where(valid[0, 0].numpy() > 0, labels, -1))
        return maps
