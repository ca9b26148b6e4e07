# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Finishing maps as Cloud Optimized GeoTIFFs."""

import glob
import os
import warnings
from pathlib import Path

import rasterio
import rasterio.shutil
from rasterio._err import CPLE_BaseError
from rasterio.errors import NotGeoreferencedWarning, RasterioError

#: What writing may fail by; rasterio lets some errors of GDAL through as they are.
WRITE_ERRORS = (OSError, RasterioError, CPLE_BaseError)


def finish_cog(tiled: Path, output: Path) -> None:
    """Copy a finished map to a Cloud Optimized GeoTIFF that appears when complete.

    Colour table, nodata, band description, tags and ground control points are kept.
    Overviews show the most frequent class. A sidecar file of an earlier map of the same
    name is removed, as its statistics and names are not those of the new one.

    Args:
        tiled: Finished GeoTIFF; it is not changed.
        output: Path of the map.

    Raises:
        OSError: If the map cannot be written, as when the disk is full.
    """
    cog = output.with_name(f'.{output.name}.{os.getpid()}.cog')
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', NotGeoreferencedWarning)
            rasterio.shutil.copy(
                tiled,
                cog,
                driver='COG',
                compress='deflate',
                overview_resampling='mode',
                bigtiff='if_safer',
            )
            # GDAL does not tell of a disk that fills up as it closes a file.
            with rasterio.open(tiled) as src, rasterio.open(cog) as dst:
                complete = src.checksum(1) == dst.checksum(1)
        if not complete:
            raise OSError('not all of it was written')
        output.with_name(f'{output.name}.aux.xml').unlink(missing_ok=True)
        cog.replace(output)
    except WRITE_ERRORS as error:
        raise write_error(output, error) from None
    finally:
        # GDAL keeps overviews in files beside the map while it writes.
        for file in output.parent.glob(f'{glob.escape(cog.name)}*'):
            file.unlink()


def make_folder(folder: Path) -> None:
    """Make a folder and those above it.

    Args:
        folder: Path of the folder, which may exist.

    Raises:
        OSError: If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(folder, error) from None


def write_error(output: Path, error: Exception) -> OSError:
    """Say that a file cannot be written.

    Args:
        output: Path of the file.
        error: Reason, of Python or GDAL.

    Returns:
        An error that names the path.
    """
    while error.__cause__ is not None and isinstance(error.__cause__, Exception):
        error = error.__cause__
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror
    msg = f'{output} cannot be written ({reason}); free disk space, or choose a folder '
    msg += 'that you can write to'
    return OSError(msg)
