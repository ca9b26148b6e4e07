# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Generated mosaics of textures that have the same colour."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchgeo.datasets.utils import Sample

#: Correlation lengths along and across, in pixels, and orientation of each texture.
TEXTURES = {
    'plain': ((0.7, 0.7, 0.0), (2.5, 2.5, 0.0), (4.0, 0.8, 0.5), (4.0, 0.8, 2.07)),
    'close': ((1.2, 1.2, 0.0), (2.2, 2.2, 0.0), (3.0, 1.0, 0.5), (3.0, 1.0, 2.07)),
}
BANDS = 4


def texture(
    rng: np.random.Generator, size: int, along: float, across: float, angle: float
) -> npt.NDArray[np.float64]:
    """Draw a stationary texture.

    Args:
        rng: Random number generator.
        size: Height and width in pixels.
        along: Correlation length along the orientation, in pixels.
        across: Correlation length across it, in pixels.
        angle: Orientation in radians.

    Returns:
        Bands of shape ``(4, size, size)``, of zero mean and unit variance, correlated
        with each other by 0.7.
    """
    fy, fx = np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None]
    u = fx * np.cos(angle) + fy * np.sin(angle)
    v = fy * np.cos(angle) - fx * np.sin(angle)
    spectrum = np.exp(-2 * np.pi**2 * ((u * along) ** 2 + (v * across) ** 2))
    noise = rng.standard_normal((BANDS + 1, size, size))
    fields = np.fft.ifft2(np.fft.fft2(noise) * spectrum).real
    fields -= fields.mean((1, 2), keepdims=True)
    fields /= fields.std((1, 2), keepdims=True)
    bands: npt.NDArray[np.float64] = 0.7**0.5 * fields[:1] + 0.3**0.5 * fields[1:]
    return bands


def mosaic(
    rng: np.random.Generator, kind: str, size: int, regions: int
) -> tuple[Tensor, Tensor]:
    """Draw a mosaic.

    Args:
        rng: Random number generator.
        kind: Key of :data:`TEXTURES`.
        size: Height and width in pixels.
        regions: Number of Voronoi cells.

    Returns:
        Reflectance of shape ``(4, size, size)`` and classes of shape ``(size, size)``.
    """
    textures = np.stack([texture(rng, size, *t) for t in TEXTURES[kind]])
    sites = rng.uniform(0, size, (regions, 2))
    classes = rng.permutation(np.arange(regions) % len(textures))
    grid = np.indices((size, size)).transpose(1, 2, 0)[:, :, None]
    labels = classes[((grid - sites) ** 2).sum(-1).argmin(-1)]
    image = np.take_along_axis(textures, labels[None, None], 0)[0]
    return torch.from_numpy(0.2 + 0.05 * image).float(), torch.from_numpy(labels)


class TextureMosaics(Dataset[Sample]):
    """Mosaics of four stationary Gaussian textures.

    They have the same mean and the same covariance of the bands: single pixels say
    nothing about the class.
    """

    def __init__(
        self,
        kind: str = 'plain',
        regions: int = 12,
        size: int = 192,
        count: int = 8,
        seed: int = 0,
    ) -> None:
        """Draw the mosaics.

        Args:
            kind: Key of :data:`TEXTURES`.
            regions: Number of Voronoi cells of each mosaic.
            size: Height and width in pixels.
            count: Number of mosaics.
            seed: Seed.
        """
        rng = np.random.default_rng(seed)
        self.pairs = [mosaic(rng, kind, size, regions) for _ in range(count)]

    def __len__(self) -> int:
        """Return the number of mosaics."""
        return len(self.pairs)

    def __getitem__(self, index: int) -> Sample:
        """Return a mosaic."""
        image, mask = self.pairs[index]
        return {'image': image, 'mask': mask}
