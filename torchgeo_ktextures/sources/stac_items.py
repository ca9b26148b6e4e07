# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Items of SpatioTemporal Asset Catalogs, read with pystac."""

import functools
import os
import warnings
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

from .. import __version__
from ..errors import DataWarning, first_line
from .addresses import (
    LIMITS,
    is_remote,
    limit_waiting,
    split_item,
    without_secrets,
)
from .opening import CorruptRasterError, MissingRasterError


def list_items(address: str) -> list[str]:
    """List the items that an address names.

    Args:
        address: File or address of an item, of a collection of items (GeoJSON), or of a
            catalog; with ``#ITEM`` one of them, with ``#masks=none`` without masks of
            clouds.

    Returns:
        Addresses, one for each item.

    Raises:
        CorruptRasterError: If it cannot be read, or there is no such item.
        ImportError: If pystac is not installed.
        ValueError: If there is an option that is not known.
    """
    file, wanted, options = split_item(address)
    items = items_of(file)
    if wanted and wanted not in items:
        some = ', '.join(list(items)[:6])
        msg = f'{without_secrets(file)} has no item {wanted!r}, but {some}'
        msg += f' and {len(items) - 6} more' if len(items) > 6 else ''
        raise CorruptRasterError(f'{msg}; check the name after #', address)
    names = [wanted] if wanted else list(items)
    start, end = ('id=', '&masks=none') if options else ('', '')
    return [f'{file}#{start}{quote(name, safe="")}{end}' for name in names]


def file_address(file: str) -> str:
    """Address of a file, by which those in it are found.

    Args:
        file: Path or address.

    Returns:
        Absolute path, or the address.
    """
    return file if is_remote(file) else os.path.abspath(file)


def changed_at(file: str) -> int:
    """When a file changed, if it is one of this machine.

    Args:
        file: Path or address.

    Returns:
        Nanoseconds, or 0.
    """
    return os.stat(file).st_mtime_ns if os.path.isfile(file) else 0


def items_of(file: str) -> dict[str, Any]:
    """Read the items of a file, if it has changed.

    Args:
        file: Path or address.

    Returns:
        Items of pystac by their identifiers, in the order of the file.

    Raises:
        CorruptRasterError: If it cannot be read.
        ImportError: If pystac is not installed.
    """
    return _load_items(file, changed_at(file))


@functools.lru_cache(16)
def _load_items(file: str, changed: int) -> dict[str, Any]:
    """Items of a file by their identifiers, in its order."""
    pystac = _import_pystac()
    if not is_remote(file) and not os.path.isfile(file):
        raise MissingRasterError(f'{file!r} does not exist; check the path', file)

    class Reader(pystac.stac_io.DefaultStacIO):  # type: ignore[name-defined]
        """Reads with a limit of time."""

        def read_text_from_href(self, href: str) -> str:
            return _read_text(href)

    shown = without_secrets(file)
    reader = Reader()
    try:
        content = reader.read_json(file_address(file))
        if content.get('type') == 'FeatureCollection':
            items = list(pystac.ItemCollection.from_dict(content).items)
        else:
            found = pystac.read_dict(content, href=file_address(file), stac_io=reader)
            single = isinstance(found, pystac.Item)
            items = [found] if single else list(found.get_items(recursive=True))
    except Exception as error:  # noqa: BLE001 - damaged files fail by anything
        reason = first_line(error).replace(file, shown)
        msg = f'{shown} is no STAC item, collection of items or catalog that can be '
        msg += f'read ({reason}); check the '
        what = 'address and the connection' if is_remote(file) else 'file'
        raise CorruptRasterError(msg + what, file) from None
    if not items:
        msg = f'{shown} holds no items; name a collection of items, such as the result '
        raise CorruptRasterError(f'{msg}of a search', file)
    if any(link.get('rel') == 'next' for link in content.get('links', ())):
        msg = f'{shown} is one page of more: taking its {len(items)} items only'
        warnings.warn(msg, DataWarning, stacklevel=2)
    known: dict[str, Any] = {}
    for item in items:
        name = item.id
        known[f'{item.collection_id}/{name}' if name in known else name] = item
    return known


def _read_text(href: str) -> str:
    """Read a file or an address, within the limits of time that GDAL has."""
    if not is_remote(href):
        with open(href, encoding='utf-8') as file:
            return file.read()
    limit_waiting()
    name = 'GDAL_HTTP_LOW_SPEED_TIME'
    seconds = float(os.environ.get(name) or LIMITS[name])
    agent = {'User-Agent': f'torchgeo-ktextures/{__version__}'}
    with urlopen(Request(href, headers=agent), timeout=seconds) as response:
        text: str = response.read().decode('utf-8')
    return text


def _import_pystac() -> Any:
    try:
        import pystac
        import pystac.stac_io
    except ImportError as error:
        msg = f'items of catalogs need the extra stac ({error}); install it with '
        raise ImportError(f"{msg}pip install 'torchgeo-ktextures[stac]'") from None
    return pystac
