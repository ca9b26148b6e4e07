# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""k-means on local mean and deviation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter

from ..sets import Image
from .kmeans import PixelKMeans
from .method import Valid


@dataclass(frozen=True)
class LocalStatisticsKMeans(PixelKMeans):
    """k-means on mean and standard deviation of each band in a window.

    Means and deviations are each divided by their total standard deviation, so that
    both weigh the same.
    """

    size: int = 7

    def features(
        self, images: Sequence[Image], valids: Sequence[Valid]
    ) -> Sequence[Image]:
        """Compute the vector of each pixel."""
        means, deviations = [], []
        for image, valid in zip(images, valids, strict=True):
            mean = local_mean(image, valid, self.size)
            square = local_mean(image**2, valid, self.size)
            means.append(mean)
            deviations.append(np.sqrt((square - mean**2).clip(min=0)))
        return join_groups([(means, 1.0), (deviations, 1.0)], valids)


def local_mean(image: Image, valid: Valid, size: int) -> Image:
    """Average valid pixels over a square window.

    Args:
        image: Channels of shape ``(F, H, W)``, zero where invalid.
        valid: Validity of shape ``(H, W)``.
        size: Width of the window in pixels (odd).

    Returns:
        Averages of the same shape, of no meaning where invalid.
    """
    share = uniform_filter(valid.astype(np.float32), size, mode='constant')
    total = uniform_filter(image, (0, size, size), mode='constant')
    average: Image = total / share.clip(min=0.5 / size**2)
    return average


def join_groups(
    groups: Sequence[tuple[Sequence[Image], float]], valids: Sequence[Valid]
) -> list[Image]:
    """Concatenate groups of features, each of a total variance that is its weight.

    Args:
        groups: Features of each image, of shape ``(F, H, W)``, and the weight of each
            group, by which its total standard deviation is multiplied.
        valids: Validity of each image, of shape ``(H, W)``.

    Returns:
        Features of shape ``(sum F, H, W)``.
    """
    scaled = []
    for features, weight in groups:
        vectors = [f[:, v] for f, v in zip(features, valids, strict=True)]
        variance = np.concatenate(vectors, 1).var(1, dtype=np.float64).sum()
        gain = np.float32(weight / np.sqrt(max(variance, 1e-12)))
        scaled.append([f * gain for f in features])
    return [np.concatenate(parts) for parts in zip(*scaled, strict=True)]
