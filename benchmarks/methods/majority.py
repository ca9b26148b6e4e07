# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Majority filter over the map of another method."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import uniform_filter

from ..sets import Image, Labels
from .kmeans import PixelKMeans
from .method import Method


@dataclass(frozen=True)
class MajorityFiltered(Method):
    """Map of k-means after a majority filter, as practitioners do."""

    base: PixelKMeans
    size: int

    @property
    def settings(self) -> dict[str, Any]:
        """Settings, which JSON can hold."""
        return {
            'size': self.size,
            'base': type(self.base).__name__,
        } | self.base.settings

    def fit_predict(
        self, images: Sequence[Image], n_clusters: int, seed: int
    ) -> list[Labels]:
        """Fit on images, without labels, and predict all of them."""
        maps = self.base.fit_predict(images, n_clusters, seed)
        return [majority_filter(labels, n_clusters, self.size) for labels in maps]


def majority_filter(labels: Labels, n_clusters: int, size: int) -> Labels:
    """Give each pixel the most frequent cluster of a window around it.

    Args:
        labels: Clusters of shape ``(H, W)``, -1 where invalid.
        n_clusters: Number of clusters.
        size: Width of the window in pixels (odd).

    Returns:
        Clusters of the same shape. Invalid pixels have no say and stay invalid; among
        equals, a pixel keeps its own cluster.
    """
    best = np.zeros(labels.shape, np.float32)
    winner = np.full(labels.shape, -1, np.int64)
    for cluster in range(n_clusters):
        inside = (labels == cluster).astype(np.float32)
        count = uniform_filter(inside, size, mode='constant') * size**2
        # Less than a pixel, more than rounding.
        count += 0.5 * inside
        better = count > best + 0.1
        best[better] = count[better]
        winner[better] = cluster
    winner[labels < 0] = -1
    return winner
