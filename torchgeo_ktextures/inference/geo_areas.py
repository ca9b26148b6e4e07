# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What the maps of a dataset of TorchGeo show: files, times, or everything."""

import os
import re
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
from torchgeo.datasets import GeoDataset

from ..datasets import raster_name
from .geo_tiles import GeoTile, Time, file_index, image_datasets, rows_at

#: What each map shows: a file, a time, or one mosaic of everything.
Layout = Literal['file', 'time', 'mosaic']

#: How often the area of all times may lie over itself in one mosaic: margins of
#: neighbours do so a little, dates of one place twice or more.
_OVERLAY = 1.5


class GeoArea(NamedTuple):
    """What one map shows."""

    name: str
    #: Footprints of the files.
    rows: gpd.GeoDataFrame
    #: Times of the tiles that show it.
    times: set[Time]


def find_areas(
    dataset: GeoDataset, tiles: Sequence[GeoTile], layout: Layout
) -> list[GeoArea]:
    """Find what maps are to show.

    Args:
        dataset: Dataset that is predicted.
        tiles: Tiles of the prediction.
        layout: Whether there is one map per 'file', per 'time', or one 'mosaic'.

    Returns:
        Areas in the order of the dataset.

    Raises:
        ValueError: If the layout does not fit dataset and tiles.
    """
    times: list[Time] = sorted(
        {t.time for t in tiles}, key=lambda t: () if t is None else t
    )
    if layout == 'file':
        return _files(dataset, times)
    shown = [dataset.index[rows_at(dataset.index, time)] for time in times]
    if layout == 'time':
        named = zip(_time_names(times), shown, times, strict=True)
        return [GeoArea(name, rows, {time}) for name, rows, time in named]
    if layout != 'mosaic':
        raise ValueError(f"layout={layout!r} must be 'file', 'time' or 'mosaic'")
    areas = [rows.geometry.union_all() for rows in shown]
    whole = gpd.GeoSeries(areas).union_all().area
    if sum(area.area for area in areas) > _OVERLAY * whole:
        msg = f"layout='mosaic' is one map, but {len(times)} times of one place are "
        msg += "predicted; use layout='time', or a sampler without times, so that "
        raise ValueError(msg + 'TorchGeo merges them')
    found = [rows_at(dataset.index, time) for time in times]
    return [GeoArea('mosaic', dataset.index[np.any(found, 0)], set(times))]


def _files(dataset: GeoDataset, times: Sequence[Time]) -> list[GeoArea]:
    index = file_index(dataset)
    if index is None:
        msg = f'{type(dataset).__name__} does not tell its files (its index has no '
        msg += "filepath), which layout='file' needs; use layout='time' or 'mosaic'"
        raise ValueError(msg)
    at = {time: rows_at(index, time) for time in times}
    areas = []
    for i, (interval, path) in enumerate(
        zip(index.index, index['filepath'], strict=True)
    ):
        shown = {time for time in times if at[time][i]}
        own = (interval.left, interval.right)
        if own in shown:
            shown = {own}
        if len(shown) > 1:
            msg = f"{path} is predicted at {len(shown)} times, but layout='file' is "
            msg += "one map of it; use SequentialTimestampSampler, or layout='time'"
            raise ValueError(msg)
        areas.append(GeoArea(_file_name(dataset, str(path)), index.iloc[[i]], shown))
    return areas


def _file_name(dataset: GeoDataset, path: str) -> str:
    """Name of a file, without that of a band where each band has its own file."""
    for leaf in image_datasets(dataset):
        if getattr(leaf, 'separate_files', False):
            name = os.path.basename(path)
            match = re.match(leaf.filename_regex, name, re.VERBOSE)  # type: ignore[attr-defined]
            if match and match.groupdict().get('band'):
                start, end = match.span('band')
                rest = f'{name[:start]}{name[end:]}'
                return re.sub(r'([_.-])[_.-]+', r'\1', raster_name(rest)).strip('_.-')
    return raster_name(path)


def _time_names(times: Sequence[Time]) -> list[str]:
    for form in ('%Y-%m-%d', '%Y-%m-%dT%H%M%S'):
        names = []
        for time in times:
            if time is None or time[0] == pd.Timestamp.min:
                names.append('mosaic')  # files without dates
                continue
            start, stop = (t.strftime(form) for t in time)
            whole = form == '%Y-%m-%d' and start == stop
            names.append(start if whole else f'{start}_{stop}')
        if len(set(names)) == len(names):
            break
    return names


def files_of(dataset: GeoDataset, area: GeoArea) -> list[str]:
    """Find the files that a map is made of.

    Args:
        dataset: Dataset that is predicted.
        area: What the map shows.

    Returns:
        Paths, those of all bands.
    """
    left, bottom, right, top = area.rows.total_bounds
    found: dict[str, None] = {}
    for leaf in image_datasets(dataset):
        index = leaf.index
        if 'filepath' not in index:
            continue
        at = np.any([rows_at(index, time) for time in area.times], 0)
        bounds = index.bounds
        here = (bounds.minx < right) & (bounds.maxx > left)
        here &= (bounds.miny < top) & (bounds.maxy > bottom)
        for path in map(str, index['filepath'][at & here.to_numpy()]):
            found.update(dict.fromkeys(_band_files(leaf, path)))
    return list(found)


def _band_files(leaf: Any, path: str) -> list[str]:
    if not getattr(leaf, 'separate_files', False):
        return [path]
    return [leaf._update_filepath(band, path) for band in leaf.bands]
