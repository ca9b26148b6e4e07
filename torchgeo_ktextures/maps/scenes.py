# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Bands of the scene that a map is of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from ..errors import first_line


@dataclass(frozen=True)
class Scene:
    """Some bands of an open raster."""

    src: DatasetReader
    #: 1-based numbers of the bands.
    indexes: Sequence[int]
    names: Sequence[str]
    nodata: float | None

    def read(
        self, window: Window
    ) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.bool_]]:
        """Read a part.

        Args:
            window: Part to read.

        Returns:
            Bands of shape ``(C, H, W)``, and where they are valid, ``(H, W)``.

        Raises:
            ValueError: If it cannot be read.
        """
        # Here because it brings torch, which maps alone do not need.
        from ..datasets.bands import mask_band, valid_pixels

        try:
            data = self.src.read(list(self.indexes), window=window)
            mask = mask_band(self.src, list(self.indexes), window)
        except RasterioError as error:
            reason = first_line(error)
            msg = f'{self.src.name} cannot be read ({reason}); the file is truncated '
            raise ValueError(f'{msg}or damaged, get a fresh copy') from None
        valid = valid_pixels(data, self.nodata)
        return data, valid if mask is None else valid & mask


def open_scene(
    src: DatasetReader, bands: Sequence[str | int] | None, nodata: float | None
) -> Scene:
    """Choose bands of a scene.

    Args:
        src: Open raster.
        bands: Names or 1-based numbers of the bands (defaults to all but an alpha
            band).
        nodata: Value that means no data (defaults to that of the file).

    Returns:
        The scene.

    Raises:
        ValueError: If the raster does not have one of the bands.
    """
    from rasterio.enums import ColorInterp

    from ..datasets.bands import DEFAULT_BANDS, band_indexes

    if bands is None:
        # Writers that do not know better mark the fourth of four bands as alpha.
        alpha = src.count != 4 and src.colorinterp[-1] == ColorInterp.alpha
        indexes = list(range(1, src.count + (not alpha)))
    else:
        indexes = band_indexes(src, bands)
    names = [
        src.descriptions[i - 1]
        or (DEFAULT_BANDS[i - 1] if src.count <= len(DEFAULT_BANDS) else f'band {i}')
        for i in indexes
    ]
    return Scene(src, indexes, names, src.nodata if nodata is None else nodata)
