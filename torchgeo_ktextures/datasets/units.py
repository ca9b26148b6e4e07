# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Units of bands: what digital numbers mean by the tags of a raster."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rasterio.io import DatasetReader

from .bands import band_indexes
from .rasters import open_raster


class Units(NamedTuple):
    """Scale and offset of each band."""

    scales: tuple[float, ...]
    offsets: tuple[float, ...]

    @property
    def plain(self) -> bool:
        """Whether there is neither a scale nor an offset."""
        return set(self.scales) == {1.0} and set(self.offsets) == {0.0}

    def arrays(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """What digital numbers are multiplied by, and what is added then, (C,) each."""
        return np.array(self.scales, np.float32), np.array(self.offsets, np.float32)

    def __str__(self) -> str:
        """Say what is done to digital numbers."""
        if not len(set(self.scales)) == len(set(self.offsets)) == 1:
            bands = zip(self.scales, self.offsets, strict=True)
            return 'digital numbers ' + ', '.join(_line(*b).strip() for b in bands)
        return f'digital numbers{_line(self.scales[0], self.offsets[0])}'


def _line(scale: float, offset: float) -> str:
    sign = '-' if offset < 0 else '+'
    return f' x {scale:g}' + (f' {sign} {abs(offset):g}' if offset else '')


def units_of(src: DatasetReader, indexes: Sequence[int], ignore: bool = False) -> Units:
    """Read the units of bands.

    Args:
        src: Open raster.
        indexes: 1-based numbers of the bands.
        ignore: Whether digital numbers are taken as they are.

    Returns:
        The units by the scale and offset tags of the raster.
    """
    if ignore:
        return Units((1.0,) * len(indexes), (0.0,) * len(indexes))
    # A scale of 0 says nothing.
    scales = tuple(float(src.scales[i - 1] or 1) for i in indexes)
    return Units(scales, tuple(float(src.offsets[i - 1]) for i in indexes))


def describe_units(
    found: Iterable[Units], scale: float = 1, ignore: bool = False
) -> str | None:
    """Say in which units the bands of scenes are.

    Args:
        found: Units of the scenes by their tags.
        scale: Digital numbers are divided by this; with 1, tags are applied.
        ignore: Whether tags are ignored.

    Returns:
        Text such as ``digital numbers x 0.0001 - 0.1, by the tags of the files``, or
        None where numbers are taken as they are and no tag says otherwise.
    """
    if scale != 1:
        return f'digital numbers / {scale:g}'
    tagged = [units for units in dict.fromkeys(found) if not units.plain]
    if not tagged:
        return None
    if ignore:
        return 'digital numbers; the scale and offset tags of the files are ignored'
    return f'{", or ".join(map(str, tagged))}, by the tags of the files'


def read_units(scenes: Iterable[str], bands: Sequence[str | int]) -> list[Units]:
    """Read the units of bands of scenes.

    Args:
        scenes: Rasters.
        bands: Names or 1-based numbers of the bands.

    Returns:
        Units of each.
    """
    found = []
    for scene in scenes:
        with open_raster(scene) as src:
            found.append(units_of(src, band_indexes(src, bands)))
    return found
