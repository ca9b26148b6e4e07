# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Finding and opening raster files."""

import os
import re
import warnings
import weakref
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from ..errors import UnreadableError, first_line, some_of

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


class CorruptRasterError(UnreadableError):
    """Raised when a raster cannot be read or is not what its name says."""

    def __init__(self, message: str, path: str | None = None) -> None:
        """Initialize a new CorruptRasterError instance.

        Args:
            message: What is wrong, and what to do.
            path: The raster.
        """
        super().__init__(message)
        self.path = path


def list_rasters(paths: Paths, suffixes: Sequence[str] = RASTER_SUFFIXES) -> list[str]:
    """List rasters, those of a folder in the order of their names.

    Hidden files in folders, such as ``._scene.tif``, are left out.

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
        if path.is_dir() and not _is_one_raster(path):
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
    named = {str(item) for item in given}
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


def is_remote(path: str) -> bool:
    """Whether a path is no file or folder of this machine, as far as its form tells.

    Args:
        path: Address, path of a virtual file system of GDAL, or name of a subdataset.

    Returns:
        True for such as ``/vsizip/``, ``s3://`` and ``NETCDF:scene.nc:red``.
    """
    return path.startswith('/vsi') or bool(
        re.match(r'[A-Za-z][A-Za-z0-9_+]{1,}:', path)
    )


def raster_name(path: str) -> str:
    """Name of a raster without folder and extension, for the files made of it.

    Args:
        path: Path, address or name of a subdataset.

    Returns:
        A name that file systems take.
    """
    if not is_remote(path) or path.startswith('/vsi'):
        return Path(path).stem
    text = path.split('?')[0]
    if '://' in text:
        return Path(text.split('!')[-1]).stem
    parts = [part.strip('"') for part in text.split(':') if part.strip('"')]
    return '_'.join(re.sub(r'[^\w.-]+', '_', Path(p).stem) for p in parts[1:])


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
        # TorchGeo's command hides files beside rasters from GDAL, masks among them.
        sidecars = {} if is_remote(path) else {'GDAL_DISABLE_READDIR_ON_OPEN': 'FALSE'}
        with warnings.catch_warnings(), rasterio.Env(**sidecars):
            # Scenes without georeference are fine: everything is in pixels.
            warnings.simplefilter('ignore', NotGeoreferencedWarning)
            src = rasterio.open(path)
            _ = src.descriptions, src.tags()  # no text in a damaged file
    except (RasterioError, OSError, ValueError) as error:
        raise CorruptRasterError(_unreadable(path, error), path) from None
    if src.count == 0:
        parts = src.subdatasets
        src.close()
        if parts:
            shown = ', '.join(parts[:6])
            msg = f'{path} holds {len(parts)} rasters ({shown}); name one of them, or '
            msg += 'put bands together with gdalbuildvrt -separate'
        else:
            msg = f'{path} holds no raster band; name a raster'
        raise CorruptRasterError(msg, path)
    return src


def _unreadable(path: str, error: Exception) -> str:
    """What is wrong with a raster that does not open, and what to do."""
    reason = first_line(error).rstrip('.')
    msg = f'{path} is not a readable raster ({reason}); '
    if path.startswith(('http://', 'https://', '/vsicurl')):
        return msg + 'check the address and the connection'
    if '://' in path and not path.startswith(('zip://', 'file://')):
        return msg + 'check the address, the connection and the credentials'
    if path.lower().endswith('.zip'):
        return msg + f'for a raster in it give zip://{path}!NAME.tif'
    if is_remote(path):
        return msg + 'check the path, and what is inside'
    return msg + 'check the file, or get a fresh copy'


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
