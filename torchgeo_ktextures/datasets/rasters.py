# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Finding raster files, and keeping them open."""

import os
import re
import weakref
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rasterio.io import DatasetReader

from ..errors import some_of
from ..sources import (
    CorruptRasterError,
    is_remote,
    is_stac,
    open_raster,
    raster_name,
)

__all__ = (
    'MASK_SUFFIXES',
    'RASTER_SUFFIXES',
    'CorruptRasterError',
    'Paths',
    'RasterHandles',
    'is_remote',
    'list_rasters',
    'list_scenes',
    'open_raster',
    'raster_name',
)

#: One or more rasters, or folders of them.
Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]

#: File name extensions looked for in folders.
RASTER_SUFFIXES = ('.tif', '.tiff')
MASK_SUFFIXES = ('.png', '.tif', '.tiff')

#: Names of quality masks that are delivered beside scenes.
_QUALITY = re.compile(
    r'(^|[_\-.])(udm\d?|qa\d+|qa_?(pixel|radsat|aerosol))([_\-.]clip)?$', re.IGNORECASE
)

#: Names that are those of masks in a folder of scenes. Who names such a file means it.
_MASK = re.compile(
    r'(^|[_\-.])(qa|scl|f?mask|cloud_?mask|msk|cldprb|msk_\w+)([_\-.]clip)?$',
    re.IGNORECASE,
)

#: Descriptions of the band of what this package writes.
_PRODUCTS = ('class', 'confidence', 'change')


def list_rasters(paths: Paths, suffixes: Sequence[str] = RASTER_SUFFIXES) -> list[str]:
    """List rasters, those of a folder in the order of their names.

    Hidden files in folders, such as ``._scene.tif``, are left out. Collections of items
    are listed item by item, see :mod:`torchgeo_ktextures.sources.stac`.

    Args:
        paths: One or more rasters, items or collections of them, or folders.
        suffixes: File name extensions to look for in folders.

    Returns:
        Paths of files, each once.

    Raises:
        FileNotFoundError: If a path does not exist or holds no raster.
        ImportError: If something is not installed that reads items.
        ValueError: If a file of items cannot be read.
    """
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    files: dict[str, None] = {}
    for item in paths:
        path = Path(item)
        if is_stac(str(item)):
            from ..sources.stac_items import list_items

            files.update(dict.fromkeys(list_items(str(item))))
        elif path.is_dir() and not _is_one_raster(path):
            inside = sorted(
                p
                for p in path.iterdir()
                if p.suffix.lower() in suffixes
                and not p.name.startswith('.')
                and p.is_file()
            )
            if not inside:
                msg = f'folder {str(item)!r} holds no raster ({", ".join(suffixes)}); '
                msg += 'name the files or another folder'
                raise FileNotFoundError(msg)
            files.update(dict.fromkeys(str(p) for p in inside))
        elif path.exists() or is_remote(str(item)):
            files[str(item)] = None
        else:
            msg = f'raster {str(item)!r} does not exist; check the path'
            raise FileNotFoundError(msg)
    if not files:
        raise FileNotFoundError('no raster is given; name at least one path')
    return list(files)


def _is_one_raster(folder: Path) -> bool:
    """Whether a folder is a raster itself, as of Zarr or Esri."""
    return folder.suffix.lower() == '.zarr' or (folder / 'hdr.adf').exists()


def list_scenes(paths: Paths) -> tuple[list[str], list[str]]:
    """List rasters that are scenes: neither maps of this package nor quality masks.

    A single file that is named is a scene, unless its name says that it is a quality
    mask.

    Args:
        paths: One or more rasters, or folders of them.

    Returns:
        Paths of scenes, and lines that tell what was left out of folders.

    Raises:
        FileNotFoundError: If a path does not exist or no scene is left.
        ValueError: If only quality masks are named.
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    files = list_rasters(given)
    named = {str(item) for item in given} | {f for f in files if is_stac(f)}
    masks = [f for f in files if _is_quality_mask(f, f in named)]
    if len(masks) == len(files):
        msg = (
            f'{masks[0]} is a quality mask by its name, not a scene; name a scene, or '
        )
        raise ValueError(msg + 'rename the file if it is one')
    maps = [f for f in files if f not in named and f not in masks and _is_product(f)]
    scenes = [f for f in files if f not in masks and f not in maps]
    if not scenes:
        msg = f'{given[0]!r} holds only maps that were made here, such as {maps[0]}; '
        raise FileNotFoundError(msg + 'name the scenes, or another folder')
    lines = []
    for found, what in ((masks, 'quality masks'), (maps, 'maps made earlier')):
        if found:
            lines.append(f'Not taken as scenes ({what}): {some_of(found)}')
    return scenes, lines


def _is_quality_mask(path: str, named: bool) -> bool:
    stem = raster_name(path)
    return bool(_QUALITY.search(stem) or (not named and _MASK.search(stem)))


def _is_product(path: str) -> bool:
    """Whether a raster is a map that this package wrote."""
    try:
        with open_raster(path) as src:
            plain = src.count == 1 and src.dtypes[0] in ('uint8', 'uint16')
            return plain and src.descriptions[0] in _PRODUCTS
    except CorruptRasterError:
        return False  # what is wrong with it is said where it is read


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
