# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Items of SpatioTemporal Asset Catalogs as rasters.

An item is a virtual raster on the grid of its finest colours: nothing is resampled, and
nothing is read before it is needed. Clouds are invalid where the item has a mask of them.
"""

import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin

from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from ..errors import DataWarning, first_line
from .addresses import (
    ASSET_TAG,
    ASSETS_TAG,
    SOURCE_TAG,
    is_network,
    raster_name,
    split_item,
    without_secrets,
)
from .opening import CorruptRasterError, open_dataset
from .stac_bands import AssetBand, MaskAsset, find_bands, find_mask
from .stac_items import changed_at, file_address, items_of, list_items
from .virtual import (
    Header,
    ValidValues,
    VirtualBand,
    write_virtual,
)

#: Bands by which the grid of an item is chosen, and that it must have to be read.
_COLORS = ('red', 'green', 'blue', 'nir', 'nir08')

#: Number of assets that are opened at once.
_AT_ONCE = 8

#: Rasters of items that were opened before, and whether they are read through a network,
#: by address and time of change.
_RASTERS: dict[tuple[str, int], tuple[MemoryFile, bool]] = {}


def item_raster(address: str) -> tuple[str, bool]:
    """Make a virtual raster of an item.

    Args:
        address: Address of an item, as :func:`list_items` gives it, or of a file with
            one item.

    Returns:
        Path of a raster in memory, and whether it is read through a network.

    Raises:
        CorruptRasterError: If it cannot be read, or is no item with rasters.
        ImportError: If pystac is not installed.
        ValueError: If assets do not fit each other.
    """
    names = list_items(address)
    if len(names) > 1:
        msg = f'{without_secrets(address)} holds {len(names)} items; name one, as '
        raise CorruptRasterError(f'{msg}{without_secrets(names[0])}', address)
    file, wanted, options = split_item(names[0])
    known = names[0], changed_at(file)
    if known not in _RASTERS:
        item = items_of(file)[wanted]
        hrefs = {
            key: asset.get_absolute_href() or urljoin(file_address(file), asset.href)
            for key, asset in item.assets.items()
        }
        text = _virtual_raster(item, hrefs, names[0], 'masks' not in options)
        raster = MemoryFile(text.encode(), filename=f'{raster_name(names[0])}.vrt')
        _RASTERS[known] = raster, any(map(is_network, hrefs.values()))
    raster, network = _RASTERS[known]
    return raster.name, network


def _virtual_raster(
    item: Any, hrefs: Mapping[str, str], address: str, masked: bool
) -> str:
    """XML of the raster of an item."""
    shown = without_secrets(address)
    names = ', '.join(item.assets) or 'none'
    bands = find_bands(item, hrefs)
    if not bands:
        msg = f'{shown} has no asset that is a raster of data (assets: {names}); '
        raise CorruptRasterError(f'{msg}choose another collection', address)
    mask = find_mask(item, hrefs) if masked else None
    headers = _read_headers(address, bands, mask)
    bands = [
        part
        for band in bands
        if band.href in headers
        for part in _parts(shown, band, headers[band.href])
    ]
    grid = _finest(bands, headers)
    for band in bands:
        _check_grid(shown, grid, headers[band.href], band.key)
    valid = None
    if mask is not None:
        _check_grid(shown, grid, headers[mask.href], mask.key)
        valid = ValidValues(headers[mask.href], mask.index, mask.values)
    tags = {SOURCE_TAG: shown, ASSETS_TAG: names}
    return write_virtual(
        grid, [_virtual_band(b, headers[b.href]) for b in bands], valid, tags
    )


def _read_headers(
    address: str, bands: Sequence[AssetBand], mask: MaskAsset | None
) -> dict[str, Header]:
    """Open assets, several at once, and see what they are.

    Assets that cannot be opened are left out if they are neither colours nor the mask.
    """
    needed = {b.href for b in bands if b.name in _COLORS}
    keys = {b.href: b.key for b in bands}
    if mask is not None:
        keys[mask.href] = mask.key
        needed.add(mask.href)

    def read(href: str) -> Header | OSError:
        try:
            with open_dataset(href) as src:
                return Header.of(src, href)
        except OSError as error:
            return error

    with warnings.catch_warnings(), ThreadPoolExecutor(_AT_ONCE) as pool:
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        found = dict(zip(keys, pool.map(read, keys), strict=True))
    shown = without_secrets(address)
    headers = {}
    for href, header in found.items():
        if isinstance(header, Header):
            headers[href] = header
            continue
        msg = f'{shown}: asset {keys[href]}: {first_line(header)}'
        if mask is not None and href == mask.href:
            msg += '; #masks=none after the address reads the item without it'
        if href in needed or not any(isinstance(h, Header) for h in found.values()):
            raise CorruptRasterError(msg, address)
        warnings.warn(f'{msg}; left out', DataWarning, stacklevel=2)
    return headers


def _parts(shown: str, band: AssetBand, header: Header) -> list[AssetBand]:
    """Bands of an asset, of the file where the item does not list or name them."""
    count = len(header.bands)
    if band.index > count:
        msg = f'{shown} lists {band.index} bands of asset {band.key}, but the file has '
        raise CorruptRasterError(f'{msg}{count}; report it to who made the item', shown)
    if band.listed or count == 1:
        name = band.name or header.bands[band.index - 1].name or ''
        return [replace(band, name=name)]
    return [
        replace(band, index=i, name=header.bands[i - 1].name or '')
        for i in range(1, count + 1)
        if not header.bands[i - 1].is_alpha
    ]


def _finest(bands: Sequence[AssetBand], headers: Mapping[str, Header]) -> Header:
    """Raster of the finest pixels, of the colours if they are known."""
    colors = [b for b in bands if b.name in _COLORS] or bands
    rasters = [headers[band.href] for band in colors]
    return min(rasters, key=lambda header: abs(header.transform.a))


def _check_grid(shown: str, grid: Header, header: Header, key: str) -> None:
    """Check that an asset can be placed on a grid."""
    if header.crs != grid.crs:
        msg = f'{shown}: asset {key} is in {header.crs}, others in {grid.crs}; '
        raise ValueError(f'{msg}give assets of one coordinate reference system')
    a, b = grid.transform, header.transform
    if a != b and any((a.b, a.d, b.b, b.d)):
        msg = f'{shown}: asset {key} is rotated against others; warp the assets'
        raise ValueError(f'{msg} to one grid')


def _virtual_band(band: AssetBand, header: Header) -> VirtualBand:
    """A band with what the item says of it, or else its file."""
    own = header.bands[band.index - 1]
    return VirtualBand(
        band.name,
        header,
        band.index,
        own.nodata if band.nodata is None else band.nodata,
        own.scale if band.scale is None else band.scale,
        own.offset if band.offset is None else band.offset,
        {ASSET_TAG: band.key},
    )
