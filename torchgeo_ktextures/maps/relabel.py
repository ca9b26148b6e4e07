# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Naming and cleaning of the classes of a map."""

import json
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader
from rasterio.windows import Window

from ..colors import further_color
from .area import Area, class_areas_ha
from .belonging import check_clusters, check_legend_of
from .cleaning import (
    check_confidence,
    majority_filter,
    min_area_pixels,
    sieve_map,
    uncertain,
)
from .cog import finish_cog
from .crs import check_crs
from .dropped import Dropped
from .legend import ClassEntry, Legend
from .naming import (
    Points,
    advise_to_classify,
    check_spelling,
    name_by_points,
    patches_of_points,
    read_points,
    unnamed_clusters,
)
from .output import (
    WRITE_ERRORS,
    check_map_name,
    make_folder,
    scratch_file,
    write_error,
)
from .reading import (
    NAMES_TAG,
    Labels,
    check_same_grid,
    class_color,
    count_labels,
    nodata_of,
    open_labels,
    open_raster,
    read_part,
    windows,
)
from .sidecars import MapClasses
from .writing import create_map


@dataclass(frozen=True)
class NamedClass:
    """Class of a finished map."""

    name: str
    color: tuple[int, int, int]
    pixels: int
    #: None for a map without georeference.
    area_ha: float | None


def relabel_map(
    labels: Path,
    entries: Sequence[ClassEntry] | None,
    output: Path,
    *,
    points: Path | None = None,
    min_agreement: float = 0,
    confidence: Path | None = None,
    min_confidence: int = 0,
    min_area: str | None = None,
    majority: int | None = None,
    say: Callable[[str], object] = str,
) -> list[NamedClass]:
    """Apply a legend to a map, and clean it.

    Clusters of the same name become one class. Codes are 0 to n-1 in the order in which
    names first appear, with the colour of the first cluster of the name. What is asked
    for is done in this order: names, majority filter, patches of points, minimum
    mapping unit, confidence.
    Memory does not grow with the map, except with the number of patches when there is a
    minimum mapping unit.

    Args:
        labels: Map of clusters.
        entries: Legend, see :func:`read_classes`, or None to name all by points.
        output: Cloud Optimized GeoTIFF to write, with an attribute table and a style
            for QGIS beside it.
        points: Labelled points, see :func:`read_points`, that name the clusters without
            a name and correct the patches that they are in.
        min_agreement: Share of the points of a cluster that must agree on its name.
        confidence: Raster of the confidence in percent, on the grid of the map.
        min_confidence: Pixels of a lower confidence become nodata.
        min_area: Minimum mapping unit, such as ``0.5ha`` or ``20px``.
        majority: Height and width of the majority filter in pixels, odd.
        say: What is called with sentences on what is left out and dropped.

    Returns:
        Classes of the new map in the order of their codes.

    Raises:
        OSError: If something cannot be read, or the map cannot be written.
        ValueError: If an argument does not fit the map.
    """
    if majority is not None and (majority < 3 or majority % 2 == 0):
        msg = f'majority={majority} must be odd and at least 3, as in 3 or 5'
        raise ValueError(msg)
    check_map_name(output)
    if output.resolve() in {labels.resolve(), confidence and confidence.resolve()}:
        msg = f'{output} would overwrite an input; choose another name'
        raise ValueError(msg)
    if entries is None and points is None:
        msg = 'neither classes nor points are given; name clusters by one of them'
        raise ValueError(msg)
    if not 0 <= min_agreement <= 1:
        msg = f'min_agreement={min_agreement} must be from 0 to 1'
        raise ValueError(msg)
    if not 0 <= min_confidence <= 100:
        msg = f'min_confidence={min_confidence} must be from 0 to 100 percent'
        raise ValueError(msg)
    if min_confidence and confidence is None:
        msg = f'min_confidence={min_confidence} needs a raster of the confidence; name '
        raise ValueError(msg + 'the one that segment --confidence wrote')
    with ExitStack() as stack:
        src = stack.enter_context(open_labels(labels))
        counts = count_labels(src)
        if isinstance(entries, Legend):
            check_legend_of(src, counts, entries)
        known = read_points(points, src) if points is not None else None
        if entries is None:
            entries = unnamed_clusters(src, counts)
        check_crs(src.crs, src.name)
        check_clusters(src, counts.nonzero()[0].tolist(), entries)
        reasons = {e.index: 'its name is null' for e in entries if e.name is None}
        if known is not None:
            for sentence in [*known.left_out, *advise_to_classify(known)]:
                say(sentence)
            entries, more = name_by_points(entries, known, min_agreement)
            reasons |= more
        table, names, colors = _codes(src, entries, known.names if known else ())
        min_pixels = min_area_pixels(min_area, src) if min_area else 0
        doubts = None
        if confidence is not None:
            doubts = stack.enter_context(open_raster(confidence, 'confidence'))
            check_confidence(doubts)
            check_same_grid(src, doubts)
        make_folder(output.parent)
        scratch = [
            stack.enter_context(scratch_file(output, stage))
            for stage in ('named', 'sieved')
        ]
        # Maps without georeference are fine.
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        try:
            done = scratch[0]
            with create_map(done, src, str(table.dtype), int(table[-1])) as dst:
                for window in windows(src):
                    part = _named(src, window, table, majority)
                    dst.write(part, 1, window=window)
            if known is not None:
                _correct(done, src, known, names)
            if min_pixels > 1:
                done = scratch[1]
                sieve_map(scratch[0], done, min_pixels)
            dropped = Dropped(src, names, reasons, min_confidence)
            found = _finish(done, names, colors, doubts, dropped)
            areas = [c.area_ha for c in found if c.area_ha is not None]
            pixels = [c.pixels for c in found]
            finish_cog(done, output, MapClasses(names, colors, pixels, areas or None))
        except WRITE_ERRORS as error:
            raise write_error(output, error) from None
    for sentence in dropped.sentences(int(counts.sum())):
        say(sentence)
    return found


def _codes(
    src: DatasetReader, entries: Sequence[ClassEntry], more: Sequence[str]
) -> tuple[Labels, list[str], list[tuple[int, int, int]]]:
    """Codes by cluster (the last is nodata), and names and colours by code."""
    colors: dict[str, tuple[int, int, int]] = {}
    for entry in entries:
        if entry.title is not None:
            color = entry.color or class_color(src, entry.index)
            colors.setdefault(entry.title, color)
    for name in more:
        if name not in colors:  # no cluster has it
            colors[name] = further_color([*colors.values()])
    names = list(colors)
    check_spelling(src.name, names)
    dtype = np.uint8 if len(names) <= 255 else np.uint16
    size = int(np.iinfo(src.dtypes[0]).max) + 2
    table: Labels = np.full(size, np.iinfo(dtype).max, dtype)
    for entry in entries:
        if entry.title is not None:
            table[entry.index] = names.index(entry.title)
    table[nodata_of(src)] = np.iinfo(dtype).max
    return table, names, list(colors.values())


def _correct(
    path: Path, src: DatasetReader, points: Points, names: Sequence[str]
) -> None:
    """Give the patches of points their names."""
    with rasterio.open(path, 'r+') as dst:
        for window, patch, name in patches_of_points(src, points):
            part = dst.read(1, window=window)
            part[patch] = names.index(name)
            dst.write(part, 1, window=window)


def _named(
    src: DatasetReader, window: Window, table: Labels, majority: int | None
) -> Labels:
    if majority is None:
        return table[read_part(src, window)]
    halo = majority // 2
    row, col = max(window.row_off - halo, 0), max(window.col_off - halo, 0)
    bottom = min(window.row_off + window.height + halo, src.height)
    right = min(window.col_off + window.width + halo, src.width)
    wide = read_part(src, Window(col, row, right - col, bottom - row))
    part = majority_filter(table[wide], int(table[-1]), majority)
    top, left = window.row_off - row, window.col_off - col
    return part[top : top + window.height, left : left + window.width]


def _finish(
    path: Path,
    names: Sequence[str],
    colors: Sequence[tuple[int, int, int]],
    doubts: DatasetReader | None,
    dropped: Dropped,
) -> list[NamedClass]:
    """Drop uncertain pixels, count the others, and set colours and names."""
    pixels = np.zeros(len(names), np.int64)
    areas: Area | None = np.zeros(len(names))
    with rasterio.open(path, 'r+') as dst:
        for window in windows(dst):
            part = dst.read(1, window=window)
            dropped.add_clusters(part == dst.nodata, window)
            if doubts is not None:
                doubt = uncertain(read_part(doubts, window), dropped.min_confidence)
                none = nodata_of(dst)
                dropped.add_classes(np.where(doubt, part, none), window)
                part[doubt] = none
                dst.write(part, 1, window=window)
            inside = part[part != dst.nodata]
            pixels += np.bincount(inside, minlength=len(names))
            here = class_areas_ha(
                part,
                dst.crs,
                dst.transform,
                window.row_off,
                window.col_off,
                len(names),
            )
            areas = None if areas is None or here is None else areas + here
        dst.write_colormap(1, {i: (*c, 255) for i, c in enumerate(colors)})
        dst.set_band_description(1, 'class')
        dst.update_tags(1, **{NAMES_TAG: json.dumps(names, ensure_ascii=False)})
    return [
        NamedClass(
            name,
            colors[i],
            int(pixels[i]),
            None if areas is None else float(areas[i]),
        )
        for i, name in enumerate(names)
    ]
