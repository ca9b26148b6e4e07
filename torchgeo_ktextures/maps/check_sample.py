# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""A random sample of a map by class, to assess it with."""

import numpy as np
import numpy.typing as npt
from rasterio.io import DatasetReader

from .area import pixel_area_ha
from .assessment import STRATUM, STRATUM_AREA, map_areas_ha
from .places import Places
from .reading import class_names, count_labels, nodata_of, read_part, windows


def allocate(
    sizes: npt.NDArray[np.float64],
    pixels: npt.NDArray[np.int64],
    count: int,
    minimum: int,
) -> npt.NDArray[np.int64]:
    """Share out points among strata: a minimum for each, the rest by area.

    Args:
        sizes: Area of each stratum.
        pixels: Number of its pixels, of which each is drawn once at most.
        count: Number of all points.
        minimum: Number of points of each stratum.

    Returns:
        Number of points of each stratum.

    Raises:
        ValueError: If there are too few points for the minimum.
    """
    given = np.minimum(minimum, pixels)
    if given.sum() > count:
        msg = (
            f'count={count} is too few for {(pixels > 0).sum()} classes with at least '
        )
        msg += f'{minimum} points each; give at least {given.sum()}, or lower '
        raise ValueError(f'{msg}min_per_class')
    start = given.astype(float)
    for _ in range(int(min(count, pixels.sum()) - given.sum())):
        # The class that is furthest below its part of the rest.
        lack = np.where(given < pixels, sizes / (given - start + 0.5), -1)
        given[lack.argmax()] += 1
    return given


def draw_check_sample(
    src: DatasetReader, count: int, minimum: int, seed: int
) -> Places:
    """Draw a stratified random sample, with the classes of a map as strata.

    Within a class, every hectare is equally likely, and a pixel is drawn once at most.

    Args:
        src: Open map with georeference.
        count: Number of points.
        minimum: Number of points of each class at least, or all of its pixels.
        seed: Seed.

    Returns:
        Points in random order, with the name and the hectares of their stratum.

    Raises:
        ValueError: If there are too few points, or the map has no class.
    """
    names = class_names(src)
    pixels = count_labels(src)[: len(names)]
    if not pixels.any():
        raise ValueError(f'{src.name} has no pixel with a class; use another map')
    sizes = np.array(map_areas_ha(src, len(names)))
    numbers = allocate(sizes, pixels, count, minimum)
    rng = np.random.default_rng(seed)
    # Row, column and lot of the points drawn so far. The lowest lots win.
    drawn = [np.empty((0, 3)) for _ in names]
    for window in windows(src):
        part = read_part(src, window)
        rows = np.arange(window.row_off, window.row_off + window.height)
        middle = window.col_off + (window.width - 1) / 2
        areas = pixel_area_ha(src.crs, src.transform, rows, middle)
        assert areas is not None  # or there were no sizes
        for code in np.unique(part[(part < len(names)) & (part != nodata_of(src))]):
            row, col = np.nonzero(part == code)
            # The first of events whose rates are the areas is of each pixel with a
            # probability in proportion to its area.
            lots = rng.exponential(size=len(row)) / areas[row]
            keep = np.argsort(lots)[: numbers[code]]
            here = [row[keep] + window.row_off, col[keep] + window.col_off, lots[keep]]
            both = np.concatenate([drawn[code], np.column_stack(here)])
            drawn[code] = both[np.argsort(both[:, 2])[: numbers[code]]]
    codes = np.repeat(np.arange(len(names)), numbers)
    order = rng.permutation(len(codes))
    rows, cols = np.concatenate(drawn)[order, :2].T.astype(np.int64)
    columns = {
        STRATUM: np.array(names, object)[codes[order]],
        STRATUM_AREA: sizes[codes[order]],
    }
    return Places(rows, cols, columns)
