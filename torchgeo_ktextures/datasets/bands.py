# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Finding bands by name and pixels without data."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader
from rasterio.windows import Window

#: File order assumed where neither the file nor the user names the bands.
DEFAULT_BANDS = ('red', 'green', 'blue', 'nir')


def band_indexes(
    src: DatasetReader,
    bands: Sequence[str | int],
    all_bands: Sequence[str] | None = None,
) -> list[int]:
    """Find the 1-based indexes of bands.

    Names are compared with *all_bands* when given, else with the band descriptions of
    the file (in full, or up to the first underscore: ``nir`` finds ``nir_B08``), else
    with red, green, blue, nir in this order.

    Args:
        src: Open raster.
        bands: Names or 1-based indexes of the bands.
        all_bands: Names of the bands of the file, in file order.

    Returns:
        One index per band.

    Raises:
        ValueError: If the raster does not have one of the bands.
    """
    if all_bands:
        names = [str(name).lower() for name in all_bands]
    elif any(src.descriptions):
        names = [(text or '').lower() for text in src.descriptions]
    else:
        names = list(DEFAULT_BANDS[: src.count])
    short = [name.split('_')[0] for name in names]
    found = []
    for band in bands:
        text = str(band).lower()
        if text.isdecimal():
            index = int(text)
        elif text in names:
            index = names.index(text) + 1
        elif text in short:
            index = short.index(text) + 1
        else:
            msg = f'{src.name} has no band {band!r}: its {src.count} bands are '
            msg += f'{", ".join(names)}; change bands, name the bands of the file in '
            msg += 'all_bands, or use 1-based band numbers'
            raise ValueError(msg)
        if not 1 <= index <= src.count:
            msg = f'{src.name} has {src.count} bands, but band {band!r} is number '
            msg += f'{index}; change bands or all_bands'
            raise ValueError(msg)
        found.append(index)
    return found


def raster_bands(
    src: DatasetReader, bands: Sequence[str | int] | None = None
) -> list[str | int]:
    """Choose the bands of a raster.

    Args:
        src: Open raster.
        bands: Names or 1-based indexes, if the user has chosen.

    Returns:
        These, else red, green, blue and, unless it has only three bands, nir.
    """
    if bands:
        return list(bands)
    return list(DEFAULT_BANDS[:3] if src.count == 3 else DEFAULT_BANDS)


def valid_pixels(
    data: npt.NDArray[np.generic], nodata: float | None
) -> npt.NDArray[np.bool_]:
    """Find pixels with data.

    A pixel is invalid where a band is NaN or infinite, where a band equals a nodata
    value other than zero, or where all bands equal a nodata value of zero (a single
    zero is a plausible value, as of water in the near infrared).

    Args:
        data: Bands of shape ``(C, H, W)``.
        nodata: Value that means no data, if any.

    Returns:
        True where valid, of shape ``(H, W)``.
    """
    valid: npt.NDArray[np.bool_] = np.isfinite(data).all(0)
    if nodata is not None and not np.isnan(nodata):
        missing = data == nodata
        valid &= ~(missing.all(0) if nodata == 0 else missing.any(0))
    return valid


def mask_band(
    src: DatasetReader,
    indexes: Sequence[int],
    window: Window | None = None,
    out_shape: tuple[int, int] | None = None,
) -> npt.NDArray[np.bool_] | None:
    """Read the mask band or the alpha band of a raster.

    An alpha band that was asked for as data is data: writers that do not know better
    mark the fourth of four bands as alpha.

    Args:
        src: Open raster.
        indexes: 1-based indexes of the bands that are read as data.
        window: Part of the raster to read.
        out_shape: Height and width to decimate to.

    Returns:
        True where valid, of shape ``(H, W)``, or None without such a band.
    """
    alpha = [i + 1 for i, c in enumerate(src.colorinterp) if c == ColorInterp.alpha]
    if alpha:
        if alpha[0] in indexes:
            return None
        values = src.read(alpha[0], window=window, out_shape=out_shape)
    elif MaskFlags.per_dataset in src.mask_flag_enums[0]:
        values = src.read_masks(1, window=window, out_shape=out_shape)
    else:
        return None
    mask: npt.NDArray[np.bool_] = values > 0
    return mask
