# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Nodata, scale and offset in the attributes of an array of xarray."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

#: Names of nodata in attributes: of CF, of GDAL, and of older releases of xarray.
_NODATA = ('_FillValue', 'missing_value', 'nodata', 'nodatavals')

#: Of these, a value for each band is known by their number.
_BY_BAND = ('nodata', 'nodatavals')

_SCALES = ('scale_factor', 'scales')
_OFFSETS = ('add_offset', 'offsets')

#: Texts that stand for no value.
_NOTHING = ('', 'none', 'null', 'n/a', 'na')


def nodata_of(array: Any, count: int) -> list[list[float]]:
    """Find the values that mean no data.

    Args:
        array: Array of xarray.
        count: Number of bands.

    Returns:
        Values of each band.

    Raises:
        ValueError: If an attribute holds something else than numbers.
    """
    found: list[list[float]] = [[] for _ in range(count)]
    for place in ('attrs', 'encoding'):
        tags: Mapping[Any, Any] = getattr(array, place)
        # What xarray has scaled it has masked as well; the value of the file is then
        # one of another unit, and may be a valid one in this.
        if place == 'encoding' and array.dtype.kind == 'f' and _is_scaled(tags):
            continue
        for name in _NODATA:
            values = _numbers(tags, place, name)
            by_band = name in _BY_BAND and len(values) == count
            for band, mine in enumerate(found):
                chosen = values[band : band + 1] if by_band else values
                mine.extend(v for v in chosen if v is not None and v not in mine)
    return found


def scaling_of(
    array: Any, count: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """Find scale and offset that are still to be applied.

    Args:
        array: Array of xarray; what it has applied itself is in its encoding.
        count: Number of bands.

    Returns:
        Factor and summand, of shape ``(C,)``, or None if there are none.

    Raises:
        ValueError: If an attribute holds something else than numbers, or as many as
            bands.
    """
    factor = _by_band(array, _SCALES, count, 1)
    summand = _by_band(array, _OFFSETS, count, 0)
    if (factor == 1).all() and (summand == 0).all():
        return None
    return factor, summand


def _by_band(
    array: Any, names: tuple[str, ...], count: int, default: float
) -> npt.NDArray[np.float64]:
    for name in names:
        values = [v for v in _numbers(array.attrs, 'attrs', name) if v is not None]
        if not values:
            continue
        if len(values) not in (1, count) or not np.isfinite(values).all():
            msg = f'attrs[{name!r}]={array.attrs[name]!r} must be one finite number, '
            raise ValueError(msg + f'or one for each of the {count} bands')
        return np.broadcast_to(np.array(values, float), count)
    return np.full(count, float(default))


def _is_scaled(tags: Mapping[Any, Any]) -> bool:
    return any(
        v not in (None, neutral)
        for names, neutral in ((_SCALES, 1), (_OFFSETS, 0))
        for name in names
        for v in _numbers(tags, 'encoding', name)
    )


def _numbers(tags: Mapping[Any, Any], place: str, name: str) -> list[float | None]:
    value = tags.get(name)
    if value is None:
        return []
    if isinstance(value, bytes):
        value = value.decode(errors='replace')
    if isinstance(value, str):
        value = value.strip().strip('()[]').replace(',', ' ').split() or ['']
    found: list[float | None] = []
    for item in np.ravel(np.asarray(value, object)).tolist():
        if item is None or str(item).strip().lower() in _NOTHING:
            found.append(None)
            continue
        try:
            found.append(item if isinstance(item, int) else float(item))
        except (TypeError, ValueError):
            msg = (
                f'{place}[{name!r}]={tags[name]!r} is not a number; set it to one, or '
            )
            raise ValueError(msg + 'delete it') from None
    return found
