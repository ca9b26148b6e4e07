# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Generated scenes of a known number of classes, told apart by colour or texture."""

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from .mosaics import BANDS, texture

type Kind = Literal['color', 'grain', 'texture']

#: Correlation lengths along and across, in pixels, and orientation of each texture.
_TEXTURES = (
    (0.7, 0.7, 0.0),
    (2.5, 2.5, 0.0),
    (4.0, 0.8, 0.5),
    (4.0, 0.8, 2.07),
    (4.0, 0.8, 1.29),
    (1.4, 1.4, 0.0),
    (5.0, 5.0, 0.0),
    (4.0, 0.8, 2.86),
)

#: Largest number of classes.
MOST = len(_TEXTURES)

#: Least distance of mean reflectances, over all bands.
_APART = 0.12


def generate_scene(
    kind: Kind, classes: int, size: int, noise: float, shape: str, seed: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Draw a scene.

    Args:
        kind: Whether classes differ in 'color' with white noise, in colour and in the
            strength of a 'grain', or only in 'texture'.
        classes: Number of classes, 2 to 8.
        size: Height and width in pixels.
        noise: Standard deviation of the noise in reflectance, if classes have colours.
        shape: Shape of the regions, 'voronoi' or 'fields'.
        seed: Seed.

    Returns:
        Reflectance of shape ``(4, size, size)`` and classes of shape ``(size, size)``.
    """
    rng = np.random.default_rng([seed, classes, size])
    labels = _regions(rng, classes, size, shape)
    if kind == 'texture':
        chosen = rng.permutation(len(_TEXTURES))[:classes]
        fields = np.stack([texture(rng, size, *_TEXTURES[i]) for i in chosen])
        image = np.take_along_axis(fields, labels[None, None], 0)[0]
        return (0.2 + 0.05 * image).astype(np.float32), labels
    means = _means(rng, classes)
    if kind == 'color':
        fields = rng.standard_normal((BANDS, size, size))
    else:
        fields = texture(rng, size, 1.2, 1.2, 0) * rng.uniform(0.3, 2, classes)[labels]
    image = means[labels].transpose(2, 0, 1) + noise * fields
    return image.clip(0).astype(np.float32), labels


def _regions(
    rng: np.random.Generator, classes: int, size: int, shape: str
) -> npt.NDArray[np.int64]:
    if shape == 'voronoi':
        count = max(3 * classes, 12)
        sites = rng.uniform(0, size, (count, 2))
        owners = rng.permutation(np.arange(count) % classes)
        grid = np.indices((size, size)).transpose(1, 2, 0)[:, :, None]
        nearest: npt.NDArray[np.int64] = owners[
            ((grid - sites) ** 2).sum(-1).argmin(-1)
        ]
        return nearest
    noise = rng.standard_normal((classes, size, size))
    fields = [gaussian_filter(layer, size / 16, mode='wrap') for layer in noise]
    highest: npt.NDArray[np.int64] = np.argmax(fields, axis=0)
    return highest


def _means(rng: np.random.Generator, classes: int) -> npt.NDArray[np.float64]:
    while True:
        means = rng.uniform(0.03, 0.5, (classes, BANDS))
        distances = np.linalg.norm(means[:, None] - means[None], axis=-1)
        if (distances + np.eye(classes)).min() > _APART:
            return means
