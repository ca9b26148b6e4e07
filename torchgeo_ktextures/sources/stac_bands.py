# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Which assets of an item are bands, and which one tells clouds.

Nothing here needs pystac: assets are told by what they have.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Roles of assets that are no data, and names of those that are made to be looked at.
#: https://github.com/radiantearth/stac-spec/blob/master/best-practices.md#asset-roles
_NO_DATA = ('thumbnail', 'overview', 'metadata')
_TO_LOOK_AT = re.compile(r'(^|[_\-])(visual|preview|tci)([_\-]|$)', re.IGNORECASE)

#: Types and extensions of rasters.
_RASTER_TYPE = re.compile(
    r'image/(tiff|geotiff|vnd\.stac\.geotiff|jp2|x-geotiff)|application/x-geotiff'
)
_RASTER_SUFFIX = re.compile(r'\.(tiff?|jp2|vrt)([?#]|$)', re.IGNORECASE)

#: Properties that say that pixels have their offset already, whatever the bands say.
#: https://github.com/Element84/earth-search/issues/9
_OFFSET_APPLIED = ('earthsearch:boa_offset_applied', 'sentinel:boa_offset_applied')

#: Names of quality masks, and the values of pixels that are clear.
_MASKS: Sequence[tuple[str, int, Sequence[int]]] = (
    # Scene classification of Sentinel-2: dark areas, vegetation, bare soil, water,
    # unclassified and snow; neither clouds nor their shadows.
    # https://sentiwiki.copernicus.eu/web/s2-processing
    (r'(.*_)?scl(_\d+m)?', 1, (2, 4, 5, 6, 7, 11)),
    # Planet: the first band is 1 where clear.
    # https://docs.planet.com/data/imagery/udm/
    (r'(.*_)?udm2(_clip)?', 1, (1,)),
    # Landsat, Collection 2: bits 0 to 4 are fill, dilated cloud, cirrus, cloud, shadow.
    # https://www.usgs.gov/landsat-missions/landsat-collection-2-quality-assessment-bands
    (r'(.*_)?(qa_?pixel|pixel_qa)', 1, range(32, 2**16, 32)),
    # Harmonized Landsat and Sentinel-2: bits 0 to 3 are cirrus, cloud, near, shadow.
    # https://lpdaac.usgs.gov/documents/1698/HLS_User_Guide_V2.pdf
    (r'(.*_)?fmask', 1, range(0, 2**8, 16)),
)


@dataclass(frozen=True)
class AssetBand:
    """A band of an asset, by what the item says of it."""

    #: Name of the asset, and its address.
    key: str
    href: str
    #: 1-based number of the band in it.
    index: int
    #: Name of the band, unique in its item; empty where only the file may tell.
    name: str
    #: Whether the item says which bands the asset has; else its file does.
    listed: bool = True
    #: What the item says of values, None where it says nothing.
    nodata: float | None = None
    scale: float | None = None
    offset: float | None = None


@dataclass(frozen=True)
class MaskAsset:
    """An asset that tells which pixels are clear."""

    key: str
    href: str
    index: int
    #: Values of clear pixels.
    values: Sequence[int]


@dataclass(frozen=True)
class _Found:
    """A band of an asset, before one is chosen of those that are the same."""

    key: str
    asset: Any
    index: int
    tags: Mapping[str, Any]

    def tag(self, *names: str) -> Any:
        """First of some fields that is there, with or without its prefix."""
        values = (
            self.tags.get(n) for name in names for n in (name, name.split(':')[-1])
        )
        return next((value for value in values if value is not None), None)

    @property
    def common_name(self) -> str | None:
        name = self.tag('eo:common_name')
        return None if name is None else str(name)

    @property
    def own_name(self) -> str:
        single = len(_band_tags(self.asset)) < 2
        return str(self.tag('name') or (self.key if single else ''))

    @property
    def same(self) -> tuple[str, ...]:
        """What is the same for copies of a band."""
        place = '' if self.own_name else f'{self.key} {self.index}'
        return str(self.common_name), self.own_name, place

    @property
    def rank(self) -> tuple[Any, ...]:
        """The lower, the better: data, fine pixels, or unknown ones, tiled files."""
        size = self.tag('raster:spatial_resolution', 'gsd')
        if size is None and self.tags.get('proj:transform'):
            size = abs(self.tags['proj:transform'][0])
        return (
            bool(_TO_LOOK_AT.search(self.key)) or 'visual' in (self.asset.roles or ()),
            0.0 if size is None else float(size),
            'jp2' in str(self.asset.media_type),
            self.key,
        )


def is_raster(asset: Any) -> bool:
    """Whether an asset is a raster of data.

    Args:
        asset: Asset of pystac.

    Returns:
        True by its type or, without one, by the end of its address.
    """
    if set(_NO_DATA) & set(asset.roles or ()):
        return False
    if asset.media_type:
        return _RASTER_TYPE.match(asset.media_type) is not None
    return _RASTER_SUFFIX.search(asset.href) is not None


def find_bands(item: Any, hrefs: Mapping[str, str]) -> list[AssetBand]:
    """Find the bands of an item.

    Of bands that are there several times, such as in another resolution or format, the
    finest is taken. If red, green and blue are known, assets without a colour or a
    wavelength are no bands.

    Args:
        item: Item of pystac.
        hrefs: Absolute address of each asset by name.

    Returns:
        Bands in the order of the assets, none if no asset is a raster.
    """
    rasters = {
        key: asset
        for key, asset in item.assets.items()
        if is_raster(asset) and _mask_of(key) is None
    }
    found = [
        _Found(key, asset, index, _own_tags(asset) | dict(tags))
        for key, asset in rasters.items()
        for index, tags in enumerate(_band_tags(asset), 1)
    ]
    best: dict[tuple[str, ...], _Found] = {}
    for band in found:
        if band.same not in best or band.rank < best[band.same].rank:
            best[band.same] = band
    chosen = list(best.values())
    if {'red', 'green', 'blue'} <= {band.common_name for band in chosen}:
        chosen = [b for b in chosen if b.common_name or b.tag('eo:center_wavelength')]
    counts = Counter(band.common_name for band in chosen)
    applied = any(item.properties.get(name) is True for name in _OFFSET_APPLIED)
    return [
        AssetBand(
            band.key,
            hrefs[band.key],
            band.index,
            (counts[band.common_name] == 1 and band.common_name) or band.own_name,
            any(_band_tags(band.asset)),
            _number(band.tag('nodata')),
            _number(band.tag('raster:scale')),
            0.0 if applied else _number(band.tag('raster:offset')),
        )
        for band in chosen
    ]


def find_mask(item: Any, hrefs: Mapping[str, str]) -> MaskAsset | None:
    """Find what tells clouds of an item.

    Args:
        item: Item of pystac.
        hrefs: Absolute address of each asset by name.

    Returns:
        The asset, the finest if there are several, or None.
    """
    found = []
    for key, asset in item.assets.items():
        mask = _mask_of(key)
        if mask is not None and is_raster(asset):
            order, index, values = mask
            size = _Found(key, asset, 1, _own_tags(asset)).rank
            found.append((order, size, MaskAsset(key, hrefs[key], index, values)))
    return min(found, key=lambda entry: entry[:2])[2] if found else None


def _mask_of(key: str) -> tuple[int, int, Sequence[int]] | None:
    for order, (pattern, index, values) in enumerate(_MASKS):
        if re.fullmatch(pattern, key.replace('-', '_'), re.IGNORECASE):
            return order, index, values
    return None


def _own_tags(asset: Any) -> dict[str, Any]:
    lists = ('bands', 'eo:bands', 'raster:bands')
    return {k: v for k, v in asset.extra_fields.items() if k not in lists}


def _band_tags(asset: Any) -> list[Mapping[str, Any]]:
    """What an asset says of each of its bands, of all versions of the standard."""
    fields = [
        asset.extra_fields.get(n) or [] for n in ('bands', 'eo:bands', 'raster:bands')
    ]
    count = max(1, *map(len, fields))
    merged: list[Mapping[str, Any]] = []
    for i in range(count):
        tags: dict[str, Any] = {}
        for bands in fields:
            tags |= bands[i] if i < len(bands) else {}
        merged.append(tags)
    return merged


def _number(value: Any) -> float | None:
    """A number, which may be a text such as 'nan', or None."""
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None
