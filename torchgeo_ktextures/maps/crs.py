# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Coordinate reference systems that a GeoTIFF cannot hold as they are."""

import warnings

from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import MemoryFile

from ..errors import DataWarning, first_line


def check_crs(crs: CRS | None, name: str) -> None:
    """Warn if the CRS of a raster changes when it is written to a GeoTIFF.

    GeoTIFF stores a CRS by the names of its parameters; what GDAL does not know by
    name, as in a misspelt or damaged definition, is left out or replaced.

    Args:
        crs: Coordinate reference system.
        name: Raster that has it, for the warning.

    Warns:
        DataWarning: If it changes.
    """
    if not crs:
        return
    try:
        with warnings.catch_warnings(), MemoryFile() as memory:
            warnings.simplefilter('ignore', NotGeoreferencedWarning)
            with memory.open(
                driver='GTiff', height=1, width=1, count=1, dtype='uint8', crs=crs
            ):
                pass
            with memory.open() as src:
                written = src.crs
                if written == crs:
                    return
    except RasterioError as error:
        written = first_line(error)
    msg = f'{name}: its CRS ({crs}) cannot be written to a GeoTIFF as it is; maps have '
    msg += f'another ({written or "none"}). Give the scene a known CRS, as with '
    warnings.warn(f'{msg}gdal_edit.py -a_srs EPSG:CODE', DataWarning, stacklevel=3)
