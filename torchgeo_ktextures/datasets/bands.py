# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Which bands of a raster are red, green, blue and near infrared."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader

from ..sources import source_name
from ..sources.addresses import ASSET_TAG, ASSETS_TAG
from .band_names import (
    BASEMAP_BANDS,
    DEFAULT_BANDS,
    SCENE_BANDS,
    are_numbers,
    find_by_name,
    find_by_sensor,
)
from .planet_grid import Quad

#: Bands that a model needs at least.
LEAST_BANDS = 3

#: Whether the fourth band of a file is a mask, which takes a pass over it to tell.
_MASKS: dict[tuple[str, int], bool] = {}


class Roles(NamedTuple):
    """Bands of a raster that are known as red, green, blue and near infrared."""

    #: 1-based number of each band by its name.
    numbers: dict[str, int]
    #: What to tell the user where a file does not name its bands, or None.
    note: str | None = None


def band_roles(src: DatasetReader, all_bands: Sequence[str] | None = None) -> Roles:
    """Find red, green, blue and near infrared.

    What decides is, in this order: names (*all_bands*, else the band descriptions),
    numbers as sensors give them (``B04``, ``SR_B4``), the order in files with names of
    Planet, and the colour interpretation. Where there is none of these, the first
    bands are assumed to be red, green, blue and near infrared, and the note says so.

    Args:
        src: Open raster.
        all_bands: Names of the bands of the file, in file order.

    Returns:
        The bands that were found.

    Raises:
        ValueError: If *all_bands* are more than the raster has.
    """
    if all_bands and len(all_bands) > src.count:
        msg = f'all_bands has {len(all_bands)} names, but {src.name} has {src.count} '
        raise ValueError(msg + 'bands; name each band once, in file order')
    names = [text or '' for text in all_bands or src.descriptions]
    numbers = {b: i for b in DEFAULT_BANDS if (i := find_by_name(names, b)) is not None}
    if set(DEFAULT_BANDS[:3]) <= set(numbers):
        note = None
        assets = src.tags().get(ASSETS_TAG)
        more = src.count > len(mask_indexes(src)) + LEAST_BANDS
        if 'nir' not in numbers and (more or assets):
            named = f' (assets: {assets})' if assets else ''
            note = f'no band is named nir{named}: taking red, green and blue only; '
            note += '--bands to change'
        return Roles(numbers, note)
    sensor = find_by_sensor(names, src.name)
    if sensor is not None:
        numbers = dict(zip(DEFAULT_BANDS, sensor[1], strict=True))
        return Roles(numbers, _taking(src, numbers, f'by the names of {sensor[0]}'))
    if all_bands or not are_numbers(names):
        return Roles(numbers)  # named otherwise: nothing is guessed
    planet = planet_bands(src)
    if planet is not None:
        return Roles({b: planet.index(b) + 1 for b in DEFAULT_BANDS if b in planet})
    told = _by_interpretation(src)
    if told is not None:
        return told
    masks = mask_indexes(src)
    data = [i for i in range(1, src.count + 1) if i not in masks]
    numbers = dict(zip(DEFAULT_BANDS, data, strict=False))
    taken = ', '.join(map(str, numbers.values()))
    note = f'band names not given: taking {taken} as {", ".join(numbers)}; '
    return Roles(numbers, note + '--bands to change')


def _taking(src: DatasetReader, numbers: dict[str, int], why: str) -> str:
    taken = ', '.join(src.descriptions[i - 1] or str(i) for i in numbers.values())
    return f'taking {taken} as {", ".join(numbers)}, {why}'


def _by_interpretation(src: DatasetReader) -> Roles | None:
    """Bands by colour interpretation; the next band that has none is near infrared."""
    colors = list(src.colorinterp)
    kinds = {
        'red': ColorInterp.red,
        'green': ColorInterp.green,
        'blue': ColorInterp.blue,
        'nir': ColorInterp.nir,
    }
    numbers = {b: colors.index(c) + 1 for b, c in kinds.items() if c in colors}
    if not set(DEFAULT_BANDS[:3]) <= set(numbers):
        return None
    masks = mask_indexes(src)
    rest = [
        i
        for i, color in enumerate(colors, 1)
        if color in (ColorInterp.undefined, ColorInterp.gray) and i not in masks
    ]
    note = None
    if 'nir' not in numbers and masks == [4] and colors[3] == ColorInterp.alpha:
        note = 'band 4 is alpha by its colour interpretation: taking it as a mask; for '
        note += 'near infrared use --bands 1,2,3,4'
    elif 'nir' not in numbers and rest:
        numbers['nir'] = rest[0]
        note = f'band {rest[0]} has no name: taking it as near infrared; '
        note += '--bands to change'
    elif tuple(numbers.values())[:3] != (1, 2, 3):
        note = _taking(src, numbers, 'by colour interpretation')
    return Roles(numbers, note)


def planet_bands(src: DatasetReader) -> tuple[str, ...] | None:
    """Bands of a file with a name of Planet, in file order.

    Their colour interpretation is red, green, blue, undefined, though they hold blue,
    green, red and near infrared.

    Args:
        src: Open raster.

    Returns:
        Names of the bands before the alpha band, or None for other files.
    """
    path = Path(src.name)
    composite = re.fullmatch(r'(.*_)?composite(_clip)?', path.stem) and any(
        path.with_name(f'{path.stem}_udm2{suffix}').exists()
        for suffix in ('.tif', '.tiff')
    )
    if composite or re.search(r'_analyticms(_|$)', path.stem, re.IGNORECASE):
        return SCENE_BANDS.get(src.count)
    quad = Quad.from_name(path.name) is not None and src.crs is not None
    if quad and src.crs.to_epsg() == 3857:
        product = 'visual' if src.dtypes[0] == 'uint8' else 'analytic'
        bands = BASEMAP_BANDS[product]
        return bands if src.count in (len(bands), len(bands) + 1) else None
    return None


def mask_indexes(src: DatasetReader) -> list[int]:
    """Find bands that are masks, and not data.

    These are bands of colour interpretation alpha that have no other name, the band
    after those of a quad of Planet, and a fourth band of 8 bits without a name that only
    holds 0 and 255.

    Args:
        src: Open raster.

    Returns:
        1-based numbers.
    """
    masks = [
        i
        for i, (color, name) in enumerate(
            zip(src.colorinterp, src.descriptions, strict=True), 1
        )
        # GDAL marks the fourth of four bands of 8 bits, unless it is told otherwise.
        if color == ColorInterp.alpha and (not name or 'alpha' in name.lower())
    ]
    planet = planet_bands(src)
    if planet is not None and len(planet) < src.count and not masks:
        masks = [src.count]
    plain = src.count == 4 and src.dtypes[3] == 'uint8' and not src.descriptions[3]
    if plain and not masks and planet is None and _is_mask(src):
        masks = [4]
    return masks


def _is_mask(src: DatasetReader) -> bool:
    """Whether the fourth band only holds 0 and 255, and 255 somewhere."""
    key = src.name, os.stat(src.name).st_mtime_ns if os.path.isfile(src.name) else 0
    if not key[1] or key not in _MASKS:
        seen = False
        for _, window in src.block_windows(4):
            values = src.read(4, window=window)
            if ((values != 0) & (values != 255)).any():
                seen = False
                break
            seen |= bool((values == 255).any())
        _MASKS[key] = seen
    return _MASKS[key]


def band_indexes(
    src: DatasetReader,
    bands: Sequence[str | int],
    all_bands: Sequence[str] | None = None,
) -> list[int]:
    """Find the 1-based indexes of bands.

    Args:
        src: Open raster.
        bands: Names or 1-based indexes of the bands. Names are those of the file, see
            :func:`band_roles`.
        all_bands: Names of the bands of the file, in file order.

    Returns:
        One index per band.

    Raises:
        ValueError: If the raster does not have one of the bands.
    """
    names = [text or '' for text in all_bands or src.descriptions]
    roles: Roles | None = None
    found = []
    for band in bands:
        text = str(band).strip().lower()
        index = int(text) if text.isdecimal() else None
        if index is None and any(names):
            lowered = [name.strip().lower() for name in names]
            exact = lowered.index(text) + 1 if text in lowered else None
            index = exact or find_by_name(names, text) or _of_asset(src, text)
        if index is None:
            roles = roles or band_roles(src, all_bands)
            index = roles.numbers.get(text)
        if index is None or not 1 <= index <= src.count:
            raise ValueError(_missing(src, band, names))
        found.append(index)
    return found


def _of_asset(src: DatasetReader, text: str) -> int | None:
    """Number of the band that is an asset of its own, by the name of the asset."""
    assets = [src.tags(i).get(ASSET_TAG, '').lower() for i in src.indexes]
    return assets.index(text) + 1 if assets.count(text) == 1 else None


def _missing(src: DatasetReader, band: str | int, names: Sequence[str]) -> str:
    shown = [name or str(i) for i, name in enumerate(names, 1)]
    more = '' if len(shown) <= 20 else f', ... ({len(shown)} in all)'
    count = f'{src.count} band{"s" if src.count > 1 else ""}'
    named = f', {", ".join(shown[:20])}{more}' if any(names) else ' without names'
    masks = ''.join(f', of which band {i} is a mask' for i in mask_indexes(src))
    assets = src.tags().get(ASSETS_TAG)
    assets = f' (assets: {assets})' if assets else ''
    msg = f'{source_name(src)} has no band {band!r}: it has {count}{named}{masks}{assets}; '
    if src.count < LEAST_BANDS:
        msg += 'at least 3 are needed, red, green and blue: '
        if src.colorinterp[0] == ColorInterp.palette:
            msg += 'expand its colour table with gdal_translate -expand rgb'
        else:
            repeated = ','.join(str(min(i, src.count)) for i in (1, 2, 3))
            msg += (
                f'stack rasters with gdalbuildvrt -separate, or use --bands {repeated}'
            )
        return msg
    return msg + 'choose with --bands, by names or numbers, as --bands 3,2,1,4'


def raster_bands(
    src: DatasetReader, bands: Sequence[str | int] | None = None
) -> list[str | int]:
    """Choose the bands of a raster.

    Args:
        src: Open raster.
        bands: Names or 1-based indexes, if the user has chosen.

    Returns:
        These, else red, green, blue and, if there is one, nir.
    """
    if bands:
        return list(bands)
    known = band_roles(src).numbers
    return [b for b in DEFAULT_BANDS if b in known or b != 'nir']


def check_types(src: DatasetReader, indexes: Sequence[int]) -> None:
    """Refuse bands that are no real numbers.

    Args:
        src: Open raster.
        indexes: 1-based numbers of the bands.

    Raises:
        ValueError: If a band is complex.
    """
    for i in indexes:
        dtype = src.dtypes[i - 1]
        if dtype.startswith('complex') or np.dtype(dtype).kind not in 'iuf':
            msg = f'band {i} of {source_name(src)} is of type {dtype}; take the '
            raise ValueError(
                msg + 'amplitude first, as with gdal_calc.py --calc "abs(A)"'
            )
