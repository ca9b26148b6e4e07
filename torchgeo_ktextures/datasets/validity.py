# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Which pixels are valid: GDAL's masks, further nodata values, and finite numbers."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader
from rasterio.windows import Window

#: Whether a pixel is left out where 'any' of its bands is invalid, or where 'all' are.
InvalidIf = Literal['any', 'all']

#: Values of this magnitude are those of the largest float32, however it was rounded
#: when it was typed or written to a tag (-3.4e38, -3.4028235e+38).
_HUGE = 3.39e38

#: Relative difference of decimal numbers that mean the same float32.
_TOLERANCE = 1e-6


def read_bands(
    src: DatasetReader,
    indexes: Sequence[int],
    window: Window | None = None,
    out_shape: tuple[int, int] | None = None,
    nodata: Sequence[float] = (),
    masks: Sequence[int] | None = None,
    invalid_if: InvalidIf = 'any',
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Read bands, and where pixels are valid.

    Args:
        src: Open raster.
        indexes: 1-based indexes of the bands.
        window: Part of the raster to read.
        out_shape: Height and width to decimate to.
        nodata: Further values that mean no data.
        masks: 1-based indexes of bands that are masks, see :func:`read_invalid`.
        invalid_if: Whether a pixel is invalid where 'any' of the bands is, or where
            'all' are.

    Returns:
        Bands of shape ``(C, H, W)``, and where they are valid, ``(H, W)``.
    """
    data, invalid = read_invalid(src, indexes, window, out_shape, nodata, masks)
    return combine_validity(data, invalid, invalid_if)


def read_invalid(
    src: DatasetReader,
    indexes: Sequence[int],
    window: Window | None = None,
    out_shape: tuple[int, int] | None = None,
    nodata: Sequence[float] = (),
    masks: Sequence[int] | None = None,
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Read bands, and where each is invalid.

    A pixel is invalid in a band where GDAL's mask of the band says so (nodata of the
    band, mask of the dataset, alpha), where it equals one of *nodata*, or where it is
    not a finite number.

    Args:
        src: Open raster.
        indexes: 1-based indexes of the bands.
        window: Part of the raster to read.
        out_shape: Height and width to decimate to.
        nodata: Further values that mean no data.
        masks: 1-based indexes of bands that are masks, invalid where they are 0
            (defaults to those of colour interpretation alpha). Others are not, even if
            GDAL takes them for alpha.

    Returns:
        Bands of shape ``(C, H, W)``, and where each is invalid, of the same shape.
    """
    indexes = list(indexes)
    if len({src.dtypes[i - 1] for i in indexes}) == 1:
        shape = (len(indexes), *out_shape) if out_shape else None
        data = src.read(indexes, window=window, out_shape=shape)
    else:  # bands of a VRT may differ in type
        bands = [src.read(i, window=window, out_shape=out_shape) for i in indexes]
        data = np.stack([band.astype(np.result_type(*bands)) for band in bands])
    flags = [set(src.mask_flag_enums[i - 1]) for i in indexes]
    alpha = [i + 1 for i, c in enumerate(src.colorinterp) if c == ColorInterp.alpha]
    masks = [i for i in (alpha if masks is None else masks) if i not in indexes]
    shared: npt.NDArray[np.bool_] | None = None
    invalid = is_nodata(data, nodata)
    whole = data.dtype.kind in 'iu' and len({src.dtypes[i - 1] for i in indexes}) == 1
    for number, (i, kind) in enumerate(zip(indexes, flags, strict=True)):
        if MaskFlags.all_valid in kind:
            continue
        if kind == {MaskFlags.nodata} and whole:
            # As GDAL compares whole numbers, without reading them again.
            invalid[number] |= is_nodata(data[number], [src.nodatavals[i - 1]])
        elif MaskFlags.per_dataset not in kind:
            invalid[number] |= (
                src.read_masks(i, window=window, out_shape=out_shape) == 0
            )
        elif MaskFlags.alpha not in kind or set(alpha) & set(masks):
            if shared is None:
                shared = src.read_masks(i, window=window, out_shape=out_shape) == 0
            invalid[number] |= shared
    # GDAL takes an alpha band for the mask of some numbers of bands only.
    for i in masks if shared is None else ():
        invalid |= src.read(i, window=window, out_shape=out_shape) == 0
    return data, invalid


def as_values(nodata: npt.ArrayLike | None) -> list[float]:
    """Values that mean no data, as a list.

    Args:
        nodata: One value, several, or None.

    Returns:
        The values.
    """
    values: list[float] = (
        [] if nodata is None else np.ravel(np.asarray(nodata, float)).tolist()
    )
    return values


def is_nodata(data: npt.NDArray[Any], nodata: Sequence[float]) -> npt.NDArray[np.bool_]:
    """Find values that mean no data, compared in the type of the data.

    Args:
        data: Numbers of any shape.
        nodata: Values that mean no data. NaN and infinity always do.

    Returns:
        True where a value is one of them, or is not finite, of the same shape.
    """
    real = np.issubdtype(data.dtype, np.floating)
    found: npt.NDArray[np.bool_]
    found = ~np.isfinite(data) if real else np.zeros(data.shape, bool)
    for value in nodata:
        if not np.isfinite(value):
            continue
        if not real:
            limits = np.iinfo(data.dtype)
            if value == int(value) and limits.min <= value <= limits.max:
                found |= data == int(value)
        elif abs(value) >= _HUGE:
            found |= data >= _HUGE if value > 0 else data <= -_HUGE
        else:
            found |= np.abs(data - data.dtype.type(value)) <= _TOLERANCE * abs(value)
    return found


def combine_validity(
    data: npt.NDArray[Any], invalid: npt.NDArray[np.bool_], rule: InvalidIf = 'any'
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Decide which pixels are valid from what is invalid band by band.

    Args:
        data: Bands of shape ``(C, H, W)``.
        invalid: Where a band has no data, of the same shape.
        rule: Whether a pixel is left out where 'any' band is invalid, or where 'all'
            are; with 'all', what is missing of the other pixels is filled.

    Returns:
        Bands, and where pixels are valid, of shape ``(H, W)``.

    Raises:
        ValueError: If the rule is another.
    """
    if rule not in ('any', 'all'):
        raise ValueError(f"invalid_if={rule!r} must be 'any' or 'all'")
    if rule == 'any':
        return data, ~invalid.any(0)
    valid = ~invalid.all(0)
    if not (invalid.any(0) & valid).any():
        return data, valid
    return _fill(data, invalid, valid)


def _fill(
    data: npt.NDArray[Any],
    invalid: npt.NDArray[np.bool_],
    valid: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Fill single missing bands with the nearest value of the same band."""
    data = data.copy()
    for band, missing in zip(data, invalid, strict=True):
        if missing.all():
            # Nothing near tells the band: pixels cannot be filled.
            valid = np.zeros_like(valid)
        elif missing.any():
            from scipy.ndimage import distance_transform_edt

            rows, cols = distance_transform_edt(
                missing, return_distances=False, return_indices=True
            )
            wanted = missing & valid
            band[wanted] = band[rows[wanted], cols[wanted]]
    return data, valid
