# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What users hand over, arrays or paths of rasters, in one form."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy.typing as npt

from ..datasets import list_scenes, open_raster, raster_bands
from ..datasets.bands import LEAST_BANDS
from .array_scenes import ArrayScenes
from .images import as_images, paths_of
from .scenes import RasterScenes
from .series import Join, split_dates


class Inputs:
    """Images of a user, and the form in which labels of them go back."""

    #: What takes paths of rasters, and what takes arrays.
    rasters: type[RasterScenes] = RasterScenes
    arrays: type[ArrayScenes] = ArrayScenes

    def __init__(
        self,
        images: Any,
        names: Sequence[str] | None = None,
        bands: Sequence[str | int] | None = None,
        scale: float = 1,
        nodata: float | Sequence[float] | None = None,
        ignore_scale: bool = False,
        **kwargs: Any,
    ) -> None:
        """Take images.

        Args:
            images: One image, several, or paths of rasters.
            names: Names of the bands of arrays in the order that is wanted.
            bands: Names or 1-based numbers of the bands of rasters.
            scale: Digital numbers of rasters are divided by this.
            nodata: Values that mean no data.
            ignore_scale: Whether scale and offset in tags of rasters, and in attributes
                of arrays, are ignored.
            **kwargs: Passed on to :class:`.RasterScenes`.

        Raises:
            FileNotFoundError: If a path does not exist.
            TypeError: If paths and arrays are mixed, or an image holds no numbers.
            ValueError: If images do not fit each other.
        """
        paths = paths_of(images)
        #: Bands of rasters, and names of those of arrays, if there are any.
        self.bands: list[str | int] | None = None
        self.names: Sequence[str] | None = None
        #: Turns labels into what each array was given as.
        self.wraps: list[Callable[[npt.NDArray[Any]], Any]] | None = None
        self.data: RasterScenes
        #: Puts dates of one array together again.
        self.join: Join | None = None
        if paths is None:
            images, self.join = split_dates(images)
            arrays, self.single = as_images(images, nodata, names)
            if ignore_scale:
                arrays = [image.unscaled() for image in arrays]
            self.wraps = [image.wrap for image in arrays]
            self.names = next((image.names for image in arrays if image.names), None)
            self.num_bands = len(arrays[0])
            self.data = self.arrays(arrays, **kwargs)
            return
        self.single = isinstance(images, str | os.PathLike)
        with open_raster(list_scenes(paths[0])[0][0]) as src:
            self.bands = raster_bands(src, bands)
        self.num_bands = len(self.bands)
        self.data = self.rasters(
            paths,
            bands=self.bands,
            scale=scale,
            nodata=nodata,
            ignore_scale=ignore_scale,
            **kwargs,
        )

    def prepare_fit(self, size: int) -> None:
        """Have training patches fit into images of most of the area.

        Args:
            size: Height and width of patches in pixels, at most.

        Raises:
            ValueError: If there are too few bands.
        """
        if self.num_bands < LEAST_BANDS:
            msg = f'images have {self.num_bands} bands, at least {LEAST_BANDS} are '
            msg += 'needed; repeat them, as np.repeat(image, 3, axis=0) does'
            raise ValueError(msg)
        if isinstance(self.data, ArrayScenes):
            shapes = [image.shape[1:] for image in self.data.images]
        else:
            shapes = [_shape_of(path) for path in list_scenes(self.data.paths)[0]]
        self.data.patch_size = _patch_shape(shapes, size)

    def give_back(self, labels: list[npt.NDArray[Any]]) -> Any:
        """Give labels back as the images were given.

        Args:
            labels: Labels of each image, of shape ``(H, W)``.

        Returns:
            Labels, or a list of them for several images, like the images.
        """
        if self.wraps is not None:
            labels = [wrap(one) for wrap, one in zip(self.wraps, labels, strict=True)]
        if self.join is not None:
            return self.join(labels)
        return labels[0] if self.single and len(labels) == 1 else labels


def _shape_of(path: str) -> tuple[int, int]:
    with open_raster(path) as src:
        return src.height, src.width


def _patch_shape(shapes: Sequence[tuple[int, int]], size: int) -> tuple[int, int]:
    """Height and width of training patches that fit into images of most of the area."""
    total = sum(h * w for h, w in shapes)
    fitting = {(min(h, size), min(w, size)) for h, w in shapes}
    covered = {
        (a, b): sum(h * w for h, w in shapes if h >= a and w >= b) for a, b in fitting
    }
    enough = [patch for patch in fitting if 2 * covered[patch] >= total]
    if not enough:  # strips that lie across each other
        enough = [(min(a for a, _ in fitting), min(b for _, b in fitting))]
    return max(enough, key=lambda patch: (patch[0] * patch[1], patch))
