# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Opening rasters, wherever they are."""

import os
import re
import warnings

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from ..errors import UnreadableError, first_line
from .addresses import (
    SOURCE_TAG,
    is_network,
    is_remote,
    is_stac,
    limit_waiting,
    without_secrets,
)

#: Which files GDAL looks for beside a raster.
_BESIDE = 'GDAL_DISABLE_READDIR_ON_OPEN'


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


class MissingRasterError(CorruptRasterError, FileNotFoundError):
    """Raised when there is no file of the name."""


def open_raster(path: str | os.PathLike[str], what: str | None = None) -> DatasetReader:
    """Open a raster for reading, with or without georeference.

    Args:
        path: Path, address, name of a subdataset, or item of a SpatioTemporal Asset
            Catalog.
        what: What it is, for errors, such as ``label map``.

    Returns:
        The open raster.

    Raises:
        CorruptRasterError: If it is not a raster that can be read.
        MissingRasterError: If there is no such file.
        ImportError: If something is not installed that reads it.
    """
    with warnings.catch_warnings():
        # Scenes without georeference are fine: everything is in pixels.
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        src = open_dataset(os.fspath(path), what)
    if src.count == 0:
        parts = src.subdatasets
        src.close()
        path = os.fspath(path)
        shown = without_secrets(path)
        if parts:
            some = ', '.join(map(without_secrets, parts[:6]))
            msg = f'{shown} holds {len(parts)} rasters ({some}); name one of them, or '
            msg += 'put bands together with gdalbuildvrt -separate'
        else:
            msg = f'{shown} holds no raster band; name a raster'
        raise CorruptRasterError(msg, path)
    return src


def open_dataset(path: str, what: str | None = None) -> DatasetReader:
    """Open a raster, or a file that holds several, and let warnings through.

    Args:
        path: See :func:`open_raster`.
        what: See there.

    Returns:
        The open raster.

    Raises:
        CorruptRasterError: If it is not a raster that can be read.
        MissingRasterError: If there is no such file.
        ImportError: If something is not installed that reads it.
        ValueError: If what is in it does not fit together.
    """
    remote = is_remote(path)
    found, network = _resolve(path)
    # TorchGeo's command hides files beside rasters from GDAL, masks among them.
    beside = None if remote else 'FALSE'
    if network:
        limit_waiting()
        # Where nothing lists them, a hundred are asked for, one by one.
        beside = os.environ.get(_BESIDE, 'EMPTY_DIR')
    try:
        with rasterio.Env(**({} if beside is None else {_BESIDE: beside})):
            src = rasterio.open(found)
            # No text in a damaged file.
            _ = src.descriptions, src.tags(), src.tags(1) if src.count else ()
            if network and src.driver == 'VRT':
                _open_parts(src)
    except (RasterioError, OSError, ValueError) as error:
        if not remote and not os.path.exists(path.partition('#')[0]):
            msg = f'{what or "raster"} {path!r} does not exist; check the path'
            raise MissingRasterError(msg, path) from None
        raise CorruptRasterError(_unreadable(path, error, what), path) from None
    return src


def _open_parts(src: DatasetReader) -> None:
    """Have GDAL open the sources of a virtual raster now, without reading pixels.

    At the first read, which is later, it would look for files beside each.
    """
    for band in src.indexes:
        src.get_tag_item('Pixel_0_0', 'LocationInfo', bidx=band)


def _resolve(path: str) -> tuple[str, bool]:
    """What GDAL opens for a path, and whether it is read through a network."""
    if is_stac(path):
        from .stac import item_raster

        return item_raster(path)
    from .array_files import array_raster, is_array_file

    if is_array_file(path):
        return array_raster(path), False
    return path, is_network(path)


def source_name(src: DatasetReader) -> str:
    """Name of an open raster as a user knows it, without secrets.

    Args:
        src: Open raster.

    Returns:
        Path or address.
    """
    return without_secrets(src.tags().get(SOURCE_TAG) or src.name)


def damaged(path: str, error: Exception) -> CorruptRasterError:
    """Say that pixels of a raster that was opened cannot be read.

    Args:
        path: Its path or address.
        error: What GDAL says.

    Returns:
        The error to raise.
    """
    shown = without_secrets(path)
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    deeper = _without_queries(first_line(cause))
    if is_network(path) or any(word in deeper for word in ('CURL', 'HTTP', '/vsi')):
        msg = f'{shown} cannot be read ({deeper}); {_network_advice(deeper)}'
    else:
        msg = f'{shown} cannot be read ({first_line(error)}); the file is truncated or '
        msg += 'damaged, get a fresh copy'
    return CorruptRasterError(msg, path)


def _without_queries(text: str) -> str:
    return re.sub(r'\?[^\s)\']*', '', text)


def _unreadable(path: str, error: Exception, what: str | None) -> str:
    """What is wrong with a raster that does not open, and what to do."""
    shown = without_secrets(path)
    reason = first_line(error).split('. ')[0].rstrip('.').replace(path, shown)
    reason = _without_queries(reason) if is_network(path) else reason
    if what is None:
        msg = f'{shown} is not a readable raster ({reason}); '
    else:
        msg = f'{what} {shown!r} cannot be read ({reason}); '
    if is_network(path):
        return msg + _network_advice(reason)
    if path.lower().endswith('.zip'):
        return msg + f'for a raster in it give zip://{path}!NAME.tif'
    if is_remote(path):
        return msg + 'check the path, and what is inside'
    return msg + f'check the {"path" if what else "file"}, or get a fresh copy'


def _network_advice(reason: str) -> str:
    """What to do about a raster that a network does not give."""
    if any(text in reason for text in ('404', 'NotFound', 'key does not exist')):
        return 'there is nothing at this address; check it'
    if any(text in reason for text in ('401', '403', 'AccessDenied', 'Forbidden')):
        return 'check the credentials, and whether a signed address has expired'
    if 'redentials' in reason:
        return (
            'set the credentials of the service, or AWS_NO_SIGN_REQUEST=YES or '
            'GS_NO_SIGN_REQUEST=YES for public data'
        )
    if any(text in reason.lower() for text in ('timed out', 'too slow', 'timeout')):
        return (
            'the host does not answer; try again, or wait longer with '
            'GDAL_HTTP_CONNECTTIMEOUT and GDAL_HTTP_LOW_SPEED_TIME (seconds)'
        )
    return 'check the address, the connection and the credentials'
