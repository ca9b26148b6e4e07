# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""k-means on colour and classical texture descriptors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import fftconvolve
from skimage.feature import local_binary_pattern
from skimage.filters import gabor_kernel
from sklearn.decomposition import PCA

from ..sets import Image
from .kmeans import PixelKMeans
from .local_statistics import join_groups, local_mean
from .method import Valid, draw


@dataclass(frozen=True)
class TextureKMeans(PixelKMeans):
    """k-means on local colour, local binary patterns and Gabor energy.

    Textures are those of the first principal component of the bands. Each group of
    features is divided by its total standard deviation and multiplied by a weight.

    References:
        * https://doi.org/10.1109/TPAMI.2002.1017623 (Ojala et al., 2002)
        * https://doi.org/10.1016/0031-3203(91)90143-S (Jain and Farrokhnia, 1991)
    """

    color_size: int = 5
    window: int = 15
    texture_weight: float = 1.0
    radii: tuple[int, ...] = (1, 3)
    frequencies: tuple[float, ...] = (0.1, 0.2, 0.4)
    orientations: int = 4

    def features(
        self, images: Sequence[Image], valids: Sequence[Valid]
    ) -> Sequence[Image]:
        """Compute the vector of each pixel."""
        pixels = [x[:, v].T for x, v in zip(images, valids, strict=True)]
        pca = PCA(1).fit(draw(np.concatenate(pixels), 100_000, 0))
        axis, deviation = pca.components_[0], pca.explained_variance_[0] ** 0.5
        colors, patterns, energies = [], [], []
        for image, valid in zip(images, valids, strict=True):
            gray = (np.tensordot(axis, image, 1) / deviation).astype(np.float32)
            colors.append(local_mean(image, valid, self.color_size))
            patterns.append(local_mean(self._patterns(gray), valid, self.window))
            energies.append(local_mean(self._energies(gray), valid, self.window))
        weight = self.texture_weight
        groups = [(colors, 1.0), (patterns, weight), (energies, weight)]
        return join_groups(groups, valids)

    def _patterns(self, gray: Image) -> Image:
        """Local binary patterns as one channel of zeros and ones per pattern."""
        # Patterns compare values: those of noise below 8 bits are none.
        levels = (gray.clip(-3, 3) / 6 * 255 + 127.5).astype(np.uint8)
        codes = [local_binary_pattern(levels, 8, r, 'uniform') for r in self.radii]
        kinds = np.arange(10)[:, None, None]
        return np.concatenate([code == kinds for code in codes]).astype(np.float32)

    def _energies(self, gray: Image) -> Image:
        """Magnitude of each Gabor filter, one channel each."""
        energies = []
        for frequency in self.frequencies:
            for i in range(self.orientations):
                theta = np.pi * i / self.orientations
                kernel = gabor_kernel(frequency, theta).astype(np.complex64)
                kernel -= kernel.mean()
                reach = max(kernel.shape) // 2
                padded = np.pad(gray, reach, mode='symmetric')
                response = np.abs(fftconvolve(padded, kernel, mode='same'))
                energies.append(response[reach:-reach, reach:-reach])
        return np.stack(energies).astype(np.float32)
