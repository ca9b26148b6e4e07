# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Finding and opening raster files."""

import os
import warnings
import weakref
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from ..errors import first_line

#: One or more rasters, or folders of them.
Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]

#: File name extensions looked for in folders.
RASTER_SUFFIXES = ('.tif', '.tiff')
MASK_SUFFIXES = ('.png', '.tif', '.tiff')


class CorruptRasterError(ValueError):
    """Raised when a raster cannot be read or is not what its name says."""


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
        CorruptRasterError: If it is not a raster that can be read.
    """
    try:
        with warnings.catch_warnings():
            # Scenes without georeference are fine: everything is in pixels.
            warnings.simplefilter('ignore', NotGeoreferencedWarning)
            return rasterio.open(path)
    except RasterioError as error:
        msg = f'{path} is not a readable raster ({first_line(error)}); '
        msg += 'check the file, or get a fresh copy'
        raise CorruptRasterError(msg) from None


class RasterHandles:
    """Open rasters, kept so that they are opened once per process."""

    def __init__(self, limit: int = 64) -> None:
        """Initialize a new RasterHandles instance.

        Args:
            limit: Number of rasters that stay open.
        """
        self.limit = limit
        self._start()

    def _start(self) -> None:
        self.process = os.getpid()
        self.handles: dict[str, DatasetReader] = {}
        # Files left open until the interpreter is gone make GDAL complain.
        weakref.finalize(self, _close, self.handles)

    def __getstate__(self) -> dict[str, Any]:
        """Leave open files behind when sent to a worker."""
        return {'limit': self.limit}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Arrive in a worker."""
        self.limit = state['limit']
        self._start()

    def __call__(self, path: str) -> DatasetReader:
        """Open a raster, or find it open.

        Args:
            path: Path of the raster.

        Returns:
            The open raster.

        Raises:
            CorruptRasterError: If it is not a raster that can be read.
        """
        if self.process != os.getpid():
            # A forked worker shares the file offsets of its parent's handles.
            self._start()
        if path not in self.handles:
            if len(self.handles) >= self.limit:
                self.handles.pop(next(iter(self.handles))).close()
            self.handles[path] = open_raster(path)
        return self.handles[path]


def _close(handles: dict[str, DatasetReader]) -> None:
    for handle in handles.values():
        handle.close()
