# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Pictures of a scene and of its map for a page."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.windows import Window
from scipy.ndimage import uniform_filter
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from ..datasets import RasterWindows
from ..datasets.windows import PixelWindow
from ..errors import DataWarning
from ..maps.html_page import MOST_COLORS, image_address, labels_address
from ..segmenter import Segmenter

#: Largest height and width of a map in the page, and of an example, in pixels.
_SIZE, PATCH = 900, 64

#: Most pixels that k-means is fitted to.
_SAMPLE = 100_000

type _Array = npt.NDArray[Any]


@dataclass(frozen=True)
class ShownScene:
    """A scene and its map, decimated to what a page shows."""

    #: The scene.
    data: RasterWindows
    #: Bands of shape ``(C, H, W)``.
    image: _Array
    #: Where they are valid, of shape ``(H, W)``.
    valid: _Array
    #: Classes, -1 for nodata, of shape ``(H, W)``.
    labels: npt.NDArray[np.int_]
    #: Values of black and of white, of shape ``(C, 1, 1)``.
    low: _Array
    high: _Array

    def rgb(self, values: _Array, bands: Sequence[int] = (0, 1, 2)) -> _Array:
        """Stretch bands as those of the scene.

        Args:
            values: Bands of shape ``(C, H, W)``.
            bands: The three to show.

        Returns:
            Picture of shape ``(H, W, 3)``, from 0 to 1.
        """
        shown = (values - self.low) / np.maximum(self.high - self.low, 1e-12)
        picture: _Array = np.moveaxis(shown[list(bands)].clip(0, 1), 0, -1)
        return picture

    def picture(self, bands: Sequence[int] = (0, 1, 2)) -> _Array:
        """Scene as a picture.

        Args:
            bands: The three to show.

        Returns:
            Picture of shape ``(H, W, 3)``, from 0 to 1, white where invalid.
        """
        return np.where(self.valid[..., None], self.rgb(self.image, bands), 1)

    @property
    def factor(self) -> float:
        """How many pixels of the scene are one of the page, along a side."""
        return float(max(self.data.shapes[0]) / max(self.labels.shape))


def read_shown(scene: str, labels: Path, segmenter: Segmenter) -> ShownScene:
    """Read a scene and its map in the size that a page shows.

    Args:
        scene: Path of the scene.
        labels: Path of its map.
        segmenter: What the scene was read by.

    Returns:
        What was read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DataWarning)  # said before
        data = RasterWindows(
            scene,
            bands=segmenter.bands_,
            scale=segmenter.scale,
            nodata=segmenter.nodata,
            invalid_if=segmenter.invalid_if,
            ignore_scale=segmenter.ignore_scale,
        )
    height, width = data.shapes[0]
    factor = max(1.0, max(height, width) / _SIZE)
    shape = (max(1, round(height / factor)), max(1, round(width / factor)))
    read, valid = data.read(0, None, shape)
    image = read.astype(np.float64)
    with rasterio.open(labels) as src:
        found = src.read(1, out_shape=valid.shape)
        nodata = src.nodata
    classes = np.where(found == nodata, -1, found.astype(int))
    some = image[:, valid] if valid.any() else np.zeros((len(image), 1))
    low, high = np.percentile(some, [1, 99], axis=1)[..., None, None]
    return ShownScene(data, image, valid, classes, low, high)


def map_address(labels: _Array, colors: Sequence[tuple[int, int, int]]) -> str:
    """Picture of a map as a data address.

    Args:
        labels: Labels of shape ``(H, W)``, negative where there is none.
        colors: Red, green and blue of each class from 0 to 255.

    Returns:
        What :func:`~torchgeo_ktextures.maps.html_page.labels_address` gives or, of more
        classes than it takes, a picture in true colour.
    """
    if len(colors) <= MOST_COLORS:
        return labels_address(labels, colors)
    table = np.array(colors) / 255
    return image_address(np.where((labels >= 0)[..., None], table[labels], 1))


def kmeans_map(shown: ShownScene, count: int) -> npt.NDArray[np.int_]:
    """Find classes by k-means on pixels, for comparison.

    Args:
        shown: Scene and its map.
        count: Number of classes.

    Returns:
        Labels of shape ``(H, W)``, with the numbers of the classes of the map that
        overlap most, -1 where invalid.
    """
    valid, result = shown.valid, np.full(shown.valid.shape, -1)
    if valid.sum() < count:
        return result
    pixels = StandardScaler().fit_transform(shown.image[:, valid].T)
    sample = pixels[:: -(-len(pixels) // _SAMPLE)]
    found = KMeans(count, n_init=4, random_state=0).fit(sample).predict(pixels)
    overlap = np.zeros((count, count))
    own = shown.labels[valid]
    both = own >= 0
    np.add.at(overlap, (found[both], own[both]), 1)
    _, names = linear_sum_assignment(overlap, maximize=True)
    result[valid] = names[found]
    return result


def find_example(shown: ShownScene, path: Path, number: int) -> _Array | None:
    """Picture of the place with most of a class.

    Args:
        shown: Scene and its map.
        path: Path of the map.
        number: Class.

    Returns:
        Picture of PATCH x PATCH pixels of the scene in which what is of other classes
        fades, of shape ``(H, W, 3)``, or None if none of the class is seen.
    """
    inside = shown.labels == number
    if not inside.any():
        return None
    height, width = shown.data.shapes[0]
    step = height / inside.shape[0], width / inside.shape[1]
    size = [max(1, round(PATCH / s)) for s in step]
    share = uniform_filter(inside.astype(float), size, mode='constant')
    row, col = np.unravel_index(share.argmax(), share.shape)
    top, left = (
        int(np.clip((i + 0.5) * s - PATCH / 2, 0, max(n - PATCH, 0)))
        for i, s, n in zip((row, col), step, (height, width), strict=True)
    )
    rows, cols = min(PATCH, height), min(PATCH, width)
    window = PixelWindow(0, top, left, rows, cols, top, left, rows, cols)
    image: _Array = shown.data[window]['image'].numpy().astype(np.float64)
    with rasterio.open(path) as src:
        found = src.read(1, window=Window(left, top, cols, rows))
    strength = np.where(found == number, 1, 0.3)[..., None]
    picture: _Array = shown.rgb(image) * strength + (1 - strength)
    return picture
