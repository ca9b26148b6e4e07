# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""k-means on features of networks together with colour."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from torchgeo_ktextures.clustering import (
    ClassMixture,
    FeatureSpace,
    Sample,
    find_classes,
)
from torchgeo_ktextures.clustering.settings import CELL
from torchgeo_ktextures.losses import FeatureSimilarityLoss, cell_validity
from torchgeo_ktextures.models import (
    BandNormalizer,
    FeatureExtractor,
    make_extractors,
)

from ..sets import Image, Labels, valid_pixels
from .ktextures import shown
from .method import Method


@dataclass(frozen=True)
class FeatureKMeans(Method):
    """k-means on local colour and features, the space of our own warm start.

    Features are averaged over windows of 24 pixels, reduced to 24 principal components
    per group, each group divided by its total standard deviation and multiplied by its
    weight. Distances to the centers are interpolated to pixels. Patches of vision
    transformers are averages already.
    """

    groups: tuple[tuple[str, float], ...]
    vgg_weights: str | None = None
    backbone: str | None = None
    backbone_weights: str | bool | None = None
    backbone_upsampling: Literal['bilinear', 'shifted'] = 'bilinear'

    @property
    def settings(self) -> dict[str, Any]:
        """Settings, which JSON can hold; where weights are does not matter."""
        settings: dict[str, Any] = {'groups': dict(self.groups), 'stride': CELL}
        if self.backbone is not None:
            settings['backbone'] = self.backbone
            settings['backbone_weights'] = shown(self.backbone_weights)
            settings['backbone_upsampling'] = self.backbone_upsampling
        return settings

    def unavailable(self) -> str | None:
        """Say why the method cannot run here, or None if it can."""
        if self._uses_vgg() and self.vgg_weights is None:
            return 'it needs VGG-16, give its weights by --weights FILE'
        if self.backbone is not None and self.backbone_weights is None:
            return (
                f'it needs weights of {self.backbone}, give a file or true by '
                '@backbone_weights=FILE'
            )
        return None

    def fit_predict(
        self, images: Sequence[Image], n_clusters: int, seed: int
    ) -> list[Labels]:
        """Fit on images, without labels, and predict all of them."""
        weights = dict(self.groups)
        file = self.vgg_weights if self._uses_vgg() else None
        extractors = make_extractors(
            list(weights),
            len(images[0]),
            file,
            self.backbone,
            self.backbone_weights,
            backbone_upsampling=self.backbone_upsampling,
        )
        return cluster_features(images, extractors, weights, n_clusters, seed)

    def _uses_vgg(self) -> bool:
        return any(name.startswith('vgg16') for name, _ in self.groups)


@torch.no_grad()
def cluster_features(
    images: Sequence[Image],
    extractors: Sequence[FeatureExtractor],
    weights: dict[str, float],
    n_clusters: int,
    seed: int,
    max_pixels: int = 2**19,
) -> list[Labels]:
    """Cluster features by k-means.

    Args:
        images: Bands of shape ``(C, H, W)``, NaN where invalid.
        extractors: Feature extractors.
        weights: Weight of each feature group.
        n_clusters: Number of clusters.
        seed: Seed of crops and k-means.
        max_pixels: Where there are more, a random crop of each image is fitted.

    Returns:
        Clusters of shape ``(H, W)``, -1 where invalid.
    """
    valids = [valid_pixels(image) for image in images]
    normalizer = BandNormalizer(len(images[0]))
    pixels = [x[:, v].T for x, v in zip(images, valids, strict=True)]
    normalizer.estimate(torch.from_numpy(np.concatenate(pixels)))
    batches = [
        (normalizer(torch.from_numpy(x)[None]), torch.from_numpy(v)[None, None].float())
        for x, v in zip(images, valids, strict=True)
    ]
    crops = random_crops(batches, max_pixels, seed)
    similarity = FeatureSimilarityLoss(extractors, weights).eval()
    raw = [similarity.extract(x, valid) for x, valid in crops]
    similarity.estimate(raw, [valid for _, valid in crops])
    groups = {n: (c, e.window) for e in extractors for n, c in e.channels.items()}
    space = FeatureSpace(groups, weights)
    like = ClassMixture(n_clusters, 1, space.projection.shape[1])
    maps, cells = [], []
    for (x, valid), features in zip(crops, raw, strict=True):
        size = (x.shape[-2], x.shape[-1])
        pooled = similarity.standardize(space.pool(features, size))
        maps.append(pooled)
        cells.append(cell_validity(valid, pooled.shape[-2:])[:, 0] > 0.5)
    classes = find_classes(Sample(maps, cells), space, like, seed, 'kmeans')
    labels = []
    for x, valid in batches:
        size = (x.shape[-2], x.shape[-1])
        vectors = space(space.pool(similarity.features(x, valid), size))
        distances = torch.cdist(vectors[0], classes.mixture.prototypes).square()
        grid = [n * CELL for n in distances.shape[:2]]
        fine = F.interpolate(distances.movedim(-1, 0)[None], grid, mode='bilinear')
        found = fine[0, :, : size[0], : size[1]].argmin(0)
        found[valid[0, 0] == 0] = -1
        labels.append(found.numpy())
    return labels


def random_crops(
    batches: Sequence[tuple[Tensor, Tensor]], max_pixels: int, seed: int
) -> list[tuple[Tensor, Tensor]]:
    """Crop images such that all together have not more than some pixels.

    Args:
        batches: Images and their validity, of shape ``(1, C, H, W)``.
        max_pixels: Number of pixels; crops are at least 64 pixels wide.
        seed: Seed of the places.

    Returns:
        Crops of every image that has valid pixels in its crop.
    """
    rng = np.random.default_rng(seed)
    # A multiple of the coarsest cells, so that crops have the grid of whole images.
    side = max(int((max_pixels / len(batches)) ** 0.5) // 8 * 8, 64)
    crops = []
    for x, valid in batches:
        height, width = (min(n, side) for n in x.shape[-2:])
        top = int(rng.integers((x.shape[-2] - height) // 8 + 1)) * 8
        left = int(rng.integers((x.shape[-1] - width) // 8 + 1)) * 8
        rows, columns = slice(top, top + height), slice(left, left + width)
        if valid[..., rows, columns].any():
            crops.append((x[..., rows, columns], valid[..., rows, columns]))
    return crops or list(batches)
