# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Cleaning of label maps."""

import math
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.features import sieve
from rasterio.io import DatasetReader
from scipy.ndimage import convolve1d

from .area import pixel_area_ha
from .reading import Labels, nodata_of, windows
from .writing import create_map

#: Value of confidence rasters where there is no class. Others are 0 to 100: the
#: difference of the two highest class probabilities in percent.
NO_CONFIDENCE = 255


def min_area_pixels(text: str, src: DatasetReader) -> int:
    """Convert a minimum mapping unit to pixels.

    Where pixels differ in size, as on geographic grids and Web Mercator, the one in the
    middle of the map counts.

    Args:
        text: Hectares, square metres or pixels, such as ``0.5ha``, ``400m2`` or
            ``20px``.
        src: Open map.

    Returns:
        Number of pixels, at least 1.

    Raises:
        ValueError: If the text is something else, the map is smaller, or hectares are
            asked of a map without georeference.
    """
    found = re.fullmatch(r'\s*(\d+\.?\d*|\.\d+)\s*(ha|m2|px)\s*', text)
    if found is None:
        msg = f"min_area={text!r} is not an area; write '0.5ha', '400m2' or '20px'"
        raise ValueError(msg)
    number = float(found[1]) / (10_000 if found[2] == 'm2' else 1)
    if found[2] != 'px':
        pixel = pixel_area_ha(src.crs, src.transform, src.height // 2, src.width // 2)
        if pixel is None:
            msg = f'min_area={text!r} needs the size of pixels on the ground, but '
            msg += f'{src.name} has no georeference; give the area in pixels, as in '
            raise ValueError(msg + "'20px'")
        # A whole number of pixels stays one, whatever is lost in the division.
        number = number / float(pixel) - 1e-6
    pixels = max(math.ceil(number), 1)
    if pixels > src.height * src.width:
        msg = f'min_area={text!r} is {pixels} pixels, more than the '
        msg += f'{src.height * src.width} of {src.name}; give a smaller area'
        raise ValueError(msg)
    return pixels


def majority_filter(labels: Labels, nodata: int, size: int) -> Labels:
    """Give each pixel the most frequent class around it.

    Pixels without class stay so and have no vote. A pixel keeps its class if no other
    one is more frequent.

    Args:
        labels: Classes of shape ``(H, W)``.
        nodata: Value without class.
        size: Height and width of the neighbourhood in pixels, odd.

    Returns:
        Filtered classes.
    """
    best = np.full(labels.shape, -1, np.int32)
    out = labels.copy()
    ones = np.ones(size, np.int32)
    for code in np.unique(labels[labels != nodata]):
        own = labels == code
        votes = convolve1d(own.astype(np.int32), ones, 0, mode='constant')
        votes = convolve1d(votes, ones, 1, mode='constant')
        votes = 2 * votes + own  # the own class wins a tie
        better = votes > best
        best[better] = votes[better]
        out[better] = code
    out[labels == nodata] = nodata
    return out


def sieve_map(source: Path, output: Path, min_pixels: int) -> None:
    """Merge patches below a minimum mapping unit into their largest neighbour.

    Patches are connected by edges, not by corners (4-connectivity). Pixels without
    class are left alone, and patches among them that have no neighbour stay. Memory
    grows with the number of patches, not with that of pixels.

    Args:
        source: Label map.
        output: Label map to write.
        min_pixels: Patches of fewer pixels are merged.

    References:
        * https://gdal.org/en/stable/programs/gdal_sieve.html
    """
    valid = output.with_name(f'{output.name}.valid.tif')
    merged = output.with_name(f'{output.name}.merged')
    try:
        with rasterio.open(source) as src:
            with create_map(valid, src, 'uint8', None) as dst:
                for window in windows(src):
                    labels = src.read(1, window=window)
                    has_class = (labels != nodata_of(src)).astype(np.uint8)
                    dst.write(has_class, 1, window=window)
            # rasterio sieves into arrays only. This one is on disk; its file is filled
            # first because a full disk kills a process that writes to mapped memory.
            dtype = np.dtype(src.dtypes[0])
            with merged.open('wb') as file:
                for _ in range(src.height):
                    file.write(bytes(src.width * dtype.itemsize))
            out = np.memmap(merged, dtype, 'r+', shape=src.shape)
            with rasterio.open(valid) as mask:
                sieve(
                    rasterio.band(src, 1),
                    min_pixels,
                    out=out,
                    mask=rasterio.band(mask, 1),
                    connectivity=4,
                )
            with create_map(output, src, src.dtypes[0], nodata_of(src)) as dst:
                for window in windows(src):
                    dst.write(out[window.toslices()], 1, window=window)
            del out
    finally:
        valid.unlink(missing_ok=True)
        merged.unlink(missing_ok=True)


def uncertain(
    confidence: npt.NDArray[np.integer], min_confidence: int
) -> npt.NDArray[np.bool_]:
    """Find pixels whose class is uncertain.

    Args:
        confidence: Confidence in percent, 255 where there is none.
        min_confidence: Lowest confidence that counts as certain.

    Returns:
        True where uncertain.
    """
    doubt: npt.NDArray[np.bool_] = (confidence < min_confidence) | (
        confidence == NO_CONFIDENCE
    )
    return doubt


def check_confidence(src: DatasetReader) -> None:
    """Check that a raster can be one of confidence.

    Args:
        src: Open raster.

    Raises:
        ValueError: If it cannot.
    """
    if src.count != 1 or src.dtypes[0] != 'uint8':
        msg = f'{src.name} has {src.count} bands of {src.dtypes[0]}, but a confidence '
        msg += 'raster has one of uint8, 0 to 100 percent; let segment --confidence '
        raise ValueError(msg + 'write it')
