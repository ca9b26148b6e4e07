# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Names of bands: of people, of sensors and of Planet's files."""

import re
from collections.abc import Sequence
from pathlib import PurePath

#: Bands that are looked for, in this order.
DEFAULT_BANDS = ('red', 'green', 'blue', 'nir')

#: Other names of these bands.
_ALIASES = {
    'red': ('red',),
    'green': ('green',),
    'blue': ('blue',),
    'nir': ('nir', 'near_infrared', 'nearinfrared', 'nir1', 'nir_1', 'nir08', 'nir_08'),
}

#: Bands of Planet basemap quads before the alpha band, in file order.
#: https://docs.planet.com/data/imagery/basemaps/
BASEMAP_BANDS = {
    'analytic': ('blue', 'green', 'red', 'nir'),
    'visual': ('red', 'green', 'blue'),
}

#: Bands of PlanetScope scenes by their number, in file order.
#: https://docs.planet.com/data/imagery/planetscope/
SCENE_BANDS = {
    4: ('blue', 'green', 'red', 'nir'),
    8: (
        'coastal_blue',
        'blue',
        'green_i',
        'green',
        'yellow',
        'red',
        'red_edge',
        'nir',
    ),
}

#: Red, green, blue and near infrared by the numbers that sensors give them.
#: https://sentiwiki.copernicus.eu/web/s2-mission
_SENTINEL2 = ('4', '3', '2', '8')
#: https://www.usgs.gov/faqs/what-are-band-designations-landsat-satellites
_LANDSAT_OLI = ('4', '3', '2', '5')
_LANDSAT_TM = ('3', '2', '1', '4')
#: https://lpdaac.usgs.gov/products/mod09a1v061/
_MODIS = ('1', '4', '3', '2')


def clean(name: str | None) -> str:
    """Lower case with single underscores.

    Args:
        name: Name of a band.

    Returns:
        The name in one spelling.
    """
    return re.sub(r'[\s_\-.]+', '_', (name or '').strip().lower())


def are_numbers(names: Sequence[str]) -> bool:
    """Whether names only number the bands, as ``Band 1`` or ``scene_1`` do.

    Args:
        names: Names of all bands, in file order.

    Returns:
        True if they tell nothing else, also where there are none.
    """
    cleaned = [clean(name) for name in names]
    if not any(cleaned):
        return True
    matches = [re.fullmatch(r'(.*?)_?0*(\d+)', name) for name in cleaned]
    if not all(matches):
        return False
    prefixes = {m[1] for m in matches if m is not None}
    numbers = [int(m[2]) for m in matches if m is not None]
    return len(prefixes) == 1 and numbers == list(range(1, len(numbers) + 1))


def find_by_name(names: Sequence[str], band: str) -> int | None:
    """Find a band by its name.

    An exact match comes before a prefix: ``red`` is ``red_665``, if there is no ``red``,
    and never ``red_edge``.

    Args:
        names: Names of all bands, in file order.
        band: Name to find.

    Returns:
        Its 1-based number, or None if there is none.
    """
    cleaned = [clean(name) for name in names]
    band = clean(band)
    for alias in _ALIASES.get(band, (band,)):
        if alias in cleaned:
            return cleaned.index(alias) + 1
    letters = {'red': 'r', 'green': 'g', 'blue': 'b', 'nir': 'n'}
    if band in letters and {'r', 'g', 'b'} <= set(cleaned) and letters[band] in cleaned:
        return cleaned.index(letters[band]) + 1
    for number, name in enumerate(cleaned, 1):
        if name.startswith(f'{band}_') and 'edge' not in name:
            return number
    return None


def find_by_sensor(names: Sequence[str], path: str) -> tuple[str, list[int]] | None:
    """Find red, green, blue and near infrared by the names that sensors use.

    Args:
        names: Names of all bands, in file order, such as ``B04`` or ``SR_B4``.
        path: Path of the file, of which the name may tell the satellite.

    Returns:
        Name of the sensor and the 1-based numbers of the bands, or None.
    """
    ids: dict[str, int] = {}
    kinds = set()
    for number, name in enumerate(names, 1):
        match = re.fullmatch(r'(sr_|toa_|sur_refl_)?b0*(\d+a?)', clean(name))
        if match is not None:
            ids.setdefault(match[2], number)
            kinds.add(match[1] or '')
    known = set(ids)
    if 'sur_refl_' in kinds:
        return _all_of('MODIS', ids, _MODIS)
    file = PurePath(path).name.upper()
    if re.match(r'(L[COT]0[89]_|HLS\.L30)', file):
        return _all_of('Landsat 8 and 9', ids, _LANDSAT_OLI)
    if re.match(r'L[TEM]0[457]_', file):
        return _all_of('Landsat 4 to 7', ids, _LANDSAT_TM)
    if '8a' in known and '8' not in known:
        return _all_of('Sentinel-2', ids, ('4', '3', '2', '8a'))
    if '8' in known or '8a' in known:
        return _all_of('Sentinel-2', ids, _SENTINEL2)
    if 'sr_' in kinds and '1' in known and '6' not in known:
        return _all_of('Landsat 4 to 7', ids, _LANDSAT_TM)
    if '5' in known and ('1' not in known or {'6', '7'} <= known):
        return _all_of('Landsat 8 and 9', ids, _LANDSAT_OLI)
    return None


def _all_of(
    sensor: str, ids: dict[str, int], wanted: Sequence[str]
) -> tuple[str, list[int]] | None:
    found = [ids[i] for i in wanted if i in ids]
    return (sensor, found) if len(found) == len(wanted) else None
