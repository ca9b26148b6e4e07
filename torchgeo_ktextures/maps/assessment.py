# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Accuracy of a map and areas of its classes, by labelled points."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.io import DatasetReader

from ..metrics import MapAccuracy, map_accuracy
from .area import class_areas_ha
from .naming import Points, read_points
from .point_files import read_named_points
from .reading import class_names, open_labels, read_part, windows

#: Columns that tell by which strata points were drawn, as suggest writes them.
STRATUM, STRATUM_AREA = 'stratum', 'stratum_ha'

#: Difference of two areas that is none, relative.
_SAME = 0.01


@dataclass(frozen=True)
class Assessment:
    """Accuracy of a map, and what it was estimated from."""

    labels: str
    points: str
    #: Names of the classes of the map, then of those that only points have.
    names: Sequence[str]
    #: Hectares of each class in the map.
    mapped_areas: Sequence[float]
    accuracy: MapAccuracy
    #: Whether strata are those of the file of points, and not the classes of the map.
    own_strata: bool
    #: Sentences on points that are left out and on what cannot be estimated.
    notes: Sequence[str]


def assess_map(labels: Path, points: Path) -> Assessment:
    """Estimate the accuracy of a map and the areas of its classes.

    Strata are those of the columns ``stratum`` and ``stratum_ha`` of the points where
    these are filled in, else the classes of the map.

    Args:
        labels: Label map with georeference.
        points: Vector file of points with the names or codes of their classes in a
            column ``class``. Those outside of the map, or where it has no class, are
            left out.

    Returns:
        The assessment.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If points and map do not fit.
    """
    with open_labels(labels) as src:
        found = read_points(points, src, others=(STRATUM, STRATUM_AREA))
        names = class_names(src)
        known = np.flatnonzero(found.clusters < len(names))
        if len(known) < len(found.clusters):
            code = int(found.clusters.max())
            msg = f'{src.name} has code {code}, but names of {len(names)} classes; '
            raise ValueError(f'{msg}make the map again')
        areas = map_areas_ha(src, len(names))
    reference, names = _reference(points, found, names)
    areas += [0.0] * (len(names) - len(areas))
    strata, titles, sizes = _own_strata(points, found)
    notes = [*found.left_out]
    own = len(sizes) > 0
    if own:
        total = sum(areas)
        if abs(sizes.sum() - total) > _SAME * total:
            text = f'the strata of the points are {sizes.sum():,.1f} ha and the map is '
            notes.append(f'{text}{total:,.1f} ha: areas are those of the strata')
    else:
        strata, titles, sizes = found.clusters, names, np.array(areas)
    for code in range(len(names)):
        if not areas[code] and (reference == code).any():
            count = int((reference == code).sum())
            notes.append(f'the map has no {names[code]!r}, {count} of the points have')
    notes += _gaps(strata, titles, sizes)
    accuracy = map_accuracy(strata, found.clusters, reference, sizes, len(names))
    return Assessment(str(labels), str(points), names, areas, accuracy, own, notes)


def map_areas_ha(src: DatasetReader, num_classes: int) -> list[float]:
    """Measure the area of each class of a whole map.

    Args:
        src: Open map.
        num_classes: Number of classes.

    Returns:
        Hectares by code.

    Raises:
        ValueError: If pixels have no area.
    """
    total = np.zeros(num_classes)
    for window in windows(src):
        part = read_part(src, window)
        rows, cols = window.row_off, window.col_off
        here = class_areas_ha(part, src.crs, src.transform, rows, cols, num_classes)
        if here is None:
            msg = f'{src.name} has a coordinate reference system that is not on the '
            raise ValueError(f'{msg}Earth, so classes have no area; give it its own')
        total += here
    areas: list[float] = total.tolist()
    return areas


def _reference(
    path: Path, found: Points, names: Sequence[str]
) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Code of each point, and the names of all classes."""
    codes = {str(code): code for code in range(len(names))}
    # Names come before numbers, for classes that are called 1, 2 and 3.
    codes |= {name.casefold(): code for code, name in enumerate(names)}
    if not any(name.casefold() in codes for name in found.names):
        shown, own = ', '.join(found.names[:8]), ', '.join(names[:8])
        msg = f'none of the classes of {path} ({shown}) is one of the map ({own}); '
        raise ValueError(f'{msg}name them alike')
    every = list(names)
    for name in found.names:
        if name.casefold() not in codes:
            codes[name.casefold()] = len(every)
            every.append(name)
    table = np.array([codes[name.casefold()] for name in found.names])
    return table[found.codes], every


def _own_strata(
    path: Path, found: Points
) -> tuple[npt.NDArray[np.int64], list[str], npt.NDArray[np.float64]]:
    """Stratum of each point, names and hectares of strata; none if there are none."""
    titles: list[str] = []
    none = np.empty(0, np.int64), titles, np.empty(0)
    if set(found.others) < {STRATUM, STRATUM_AREA}:
        return none
    # Rows without a class tell of strata in which no point has one.
    every = read_named_points(path, STRATUM, [STRATUM_AREA])
    sizes: dict[str, float] = {}
    for title, size in zip(every.texts, every.others[STRATUM_AREA], strict=True):
        if not _is_area(size) or not math.isclose(sizes.setdefault(title, size), size):
            msg = f'{path} has {STRATUM_AREA} {size} for stratum {title!r}, which is '
            msg += 'not the one area that a stratum has; correct it, or remove '
            raise ValueError(msg + STRATUM_AREA)
    titles = list(sizes)
    texts = [_text(value) for value in found.others[STRATUM]]
    if not all(text in sizes for text in texts):
        return none
    strata = np.array([titles.index(text) for text in texts])
    return strata, titles, np.array([float(sizes[title]) for title in titles])


def _is_area(size: Any) -> bool:
    return isinstance(size, int | float | np.number) and 0 <= float(size) < math.inf


def _text(value: Any) -> str:
    """A cell as the reader of points writes names."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return ' '.join(str(value).split())


def _gaps(
    strata: npt.NDArray[np.int64], titles: Sequence[str], sizes: npt.NDArray[np.float64]
) -> list[str]:
    """Sentences on strata with too few points."""
    counts = np.bincount(strata, minlength=len(sizes))
    notes = []
    for title, count, size in zip(titles, counts, sizes, strict=True):
        share = f'{size / sizes.sum():.1%} of the area'
        if not count and size:
            text = f'stratum {title!r} ({share}) has no point: nothing is known of it, '
            notes.append(f'{text}and all estimates leave it out')
        elif count == 1:
            text = f'stratum {title!r} ({share}) has one point: intervals that depend '
            notes.append(f'{text}on it cannot be estimated')
    return notes
