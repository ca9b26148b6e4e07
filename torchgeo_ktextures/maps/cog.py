# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Finishing maps as Cloud Optimized GeoTIFFs."""

import warnings
from pathlib import Path

import rasterio
import rasterio.shutil
from rasterio.errors import NotGeoreferencedWarning

from .output import complete_file
from .sidecars import (
    MapClasses,
    clear_sidecars,
    has_colors,
    warn_of_style,
    write_sidecars,
)


def finish_cog(tiled: Path, output: Path, classes: MapClasses | None = None) -> None:
    """Copy a finished map to a Cloud Optimized GeoTIFF that appears when complete.

    Colour table, nodata, band description, tags and ground control points are kept.
    Overviews show the most frequent class. Attribute table and style of an earlier map
    of the same name are replaced, as names and colours are not those of the new one.

    Args:
        tiled: Finished GeoTIFF; it is not changed.
        output: Path of the map.
        classes: Its classes, if they have been counted.

    Raises:
        OSError: If the map cannot be written, as when the disk is full.
    """
    with complete_file(output) as cog, warnings.catch_warnings():
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        _copy(tiled, cog)
        # GDAL does not tell of a disk that fills up as it closes a file.
        with rasterio.open(tiled) as src, rasterio.open(cog) as dst:
            complete = src.checksum(1) == dst.checksum(1)
            is_map = has_colors(src)
        if not complete:
            raise OSError('not all of it was written')
        # Rather none for a moment than those of another map.
        clear_sidecars(output, is_map)
    if is_map:
        warn_of_style(output)
        write_sidecars(output, classes)


def _copy(tiled: Path, cog: Path) -> None:
    try:
        rasterio.shutil.copy(
            tiled,
            cog,
            driver='COG',
            compress='deflate',
            overview_resampling='mode',
            bigtiff='if_safer',
        )
    except Exception as error:  # rasterio has no public name for some errors of GDAL
        raise OSError(str(error)) from error
