# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""k-means and Gaussian mixture on the local moments that k-textures uses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from torchgeo_ktextures.clustering import PlaceMoments

from ..sets import Image
from .gaussian_mixture import PixelGaussianMixture
from .kmeans import PixelKMeans
from .method import Valid, standardize


def edge_moments(images: Sequence[Image], valids: Sequence[Valid]) -> Sequence[Image]:
    """Compute local moments of the smoother side of edges at each pixel.

    Args:
        images: Standardized bands of shape ``(C, H, W)``, zero where invalid.
        valids: Validity of shape ``(H, W)``.

    Returns:
        Standardized moments of shape ``(5 * C, H, W)``.
    """
    places = PlaceMoments(len(images[0]))
    pixels = [image[:, valid].T for image, valid in zip(images, valids, strict=True)]
    places.local.estimate(torch.from_numpy(np.concatenate(pixels)))
    found = []
    for image, valid in zip(images, valids, strict=True):
        inside = torch.from_numpy(valid.astype(np.float32))[None, None]
        moments = places(torch.from_numpy(image)[None], inside, 1)[0].numpy()
        found.append(np.where(valid, moments, 0))
    return standardize(found, valids)


@dataclass(frozen=True)
class EdgeMomentsKMeans(PixelKMeans):
    """k-means on standardized local moments."""

    def features(
        self, images: Sequence[Image], valids: Sequence[Valid]
    ) -> Sequence[Image]:
        """Compute the vector of each pixel."""
        return edge_moments(images, valids)


@dataclass(frozen=True)
class EdgeMomentsGaussianMixture(PixelGaussianMixture):
    """Gaussian mixture on standardized local moments."""

    def features(
        self, images: Sequence[Image], valids: Sequence[Valid]
    ) -> Sequence[Image]:
        """Compute the vector of each pixel."""
        return edge_moments(images, valids)
