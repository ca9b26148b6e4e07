# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Finding and opening raster files."""

import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

#: One or more rasters, or folders of them.
Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]

#: File name extensions looked for in folders.
RASTER_SUFFIXES = ('.tif', '.tiff')
MASK_SUFFIXES = ('.png', '.tif', '.tiff')


def list_rasters(paths: Paths, suffixes: Sequence[str] = RASTER_SUFFIXES) -> list[str]:
    """List rasters, those of a folder in the order of their names.

    Args:
        paths: One or more rasters, or folders of them.
        suffixes: File name extensions to look for in folders.

    Returns:
        Paths of files, each once.

    Raises:
        FileNotFoundError: If a path does not exist or holds no raster.
    """
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    files: dict[str, None] = {}
    for item in paths:
        path = Path(item)
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in suffixes)
            if not inside:
                msg = f'folder {str(item)!r} holds no raster ({", ".join(suffixes)}); '
                msg += 'name the files or another folder'
                raise FileNotFoundError(msg)
            files.update(dict.fromkeys(str(p) for p in inside))
        elif path.exists() or str(item).startswith(('/vsi', 's3://', 'https://')):
            files[str(item)] = None
        else:
            msg = f'raster {str(item)!r} does not exist; check the path'
            raise FileNotFoundError(msg)
    if not files:
        raise FileNotFoundError('no raster is given; name at least one path')
    return list(files)


def open_raster(path: str) -> DatasetReader:
    """Open a raster for reading.

    Args:
        path: Path of the raster.

    Returns:
        The open raster.

    Raises:
        ValueError: If it is not a raster that can be read.
    """
    try:
        with warnings.catch_warnings():
            # Scenes without georeference are fine: everything is in pixels.
            warnings.simplefilter('ignore', NotGeoreferencedWarning)
            return rasterio.open(path)
    except RasterioError as error:
        msg = f'{path} is not a readable raster ({first_line(error)}); '
        msg += 'check the file, or get a fresh copy'
        raise ValueError(msg) from None


def first_line(error: Exception) -> str:
    """First line of the message of an error."""
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
