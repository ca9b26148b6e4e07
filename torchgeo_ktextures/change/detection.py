# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Changes between label maps in memory."""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from rasterio.io import DatasetReader

from ..colors import class_colors
from .codes import ChangeCodes, Color
from .comparison import Codes
from .evidence import Bands
from .inputs import open_dates
from .map_changes import count_transitions
from .part_changes import DateLabels, Part
from .rules import MOST_CLASSES, UNKNOWN, ChangeRules
from .seasons import warn_of_dates
from .tracking import track_changes
from .transitions import Transitions


@dataclass(frozen=True)
class Changes:
    """What changed between label maps.

    Arrays are of shape ``(H, W)``, with the coordinates of the maps where these are
    arrays of xarray.
    """

    #: Codes of changes, see :attr:`names`: 0 is no change, *1 + from * k + to* a change,
    #: *k * k + 1* unknown, and the largest value of the type no class at any date.
    codes: Any
    #: Number of changes, 0 where nothing is known.
    count: Any
    #: Number of the date of the first or the last change, 0 without one.
    date: Any
    #: Confidence in percent, 255 where unknown; None without margins.
    confidence: Any | None
    #: Names of the codes.
    names: Sequence[str]
    #: Names of the dates.
    dates: Sequence[str]
    transitions: Transitions

    @property
    def changed(self) -> Any:
        """Where the class at the end is another one than at the beginning."""
        code = len(self.names) - 1
        return (self.codes > 0) & (self.codes < code)

    @property
    def table(self) -> pd.DataFrame:
        """Transitions, see :meth:`.Transitions.table`."""
        return self.transitions.table()

    @property
    def matrix(self) -> pd.DataFrame:
        """Matrix of transitions, see :meth:`.Transitions.matrix`."""
        return self.transitions.matrix()

    @property
    def classes(self) -> pd.DataFrame:
        """Gains and losses of classes, see :meth:`.Transitions.classes`."""
        return self.transitions.classes()


def change(
    maps: Any,
    *,
    confidence: Any = None,
    images: Any = None,
    names: Sequence[str] | None = None,
    dates: Sequence[str] | None = None,
    min_confidence: float = ChangeRules.min_confidence,
    tolerance: int = ChangeRules.tolerance,
    min_pixels: int = ChangeRules.min_pixels,
    date_of: Literal['first', 'last'] = 'last',
) -> Changes:
    """Compare label maps of several dates.

    Args:
        maps: Labels of shape (T, H, W) of one legend, NumPy, or xarray with a dimension
            for the dates first; a list of labels of shape (H, W); or a list of paths of
            maps, which are read into memory. Negative labels and NaN are unknown.
        confidence: By how much the class of each pixel is ahead of the next one, in
            percent, in the form of *maps*. Without it, nothing is known to be doubtful.
            That of paths is found beside them.
        images: The scenes, of shape (T, C, H, W), a list of such of shape (C, H, W), or
            paths, NaN where invalid. With them, only changes count that stand out in
            the scenes, with the outlines of these.
        names: Names of the classes (defaults to those of the maps, or ``class 0`` and so
            on).
        dates: Names of the dates (defaults to those of the maps).
        min_confidence: Lowest confidence of a change, see :class:`.ChangeRules`.
        tolerance: Pixels by which dates may be shifted against each other.
        min_pixels: Changes of fewer pixels are none.
        date_of: Whether the date of the 'first' or of the 'last' change is told.

    Returns:
        Changes, and tables of them.

    Raises:
        OSError: If a map cannot be read.
        TypeError: If maps are a single path.
        ValueError: If there are fewer than two maps, or they do not fit each other.

    Example:
        >>> import numpy as np
        >>> old = np.zeros((64, 64), int)
        >>> new = old.copy()
        >>> new[10:30, 10:30] = 1
        >>> change([old, new], names=['forest', 'bare']).table
             from      to  code  pixels    percent
        0  forest  forest     0  3696.0  90.234375
        1  forest    bare     2   400.0   9.765625
    """
    with ExitStack() as stack:
        rules = ChangeRules(min_confidence, tolerance, min_pixels)
        dated, codes, like, found = _take(stack, maps, confidence, images)
        shape = (like.height, like.width) if like else dated[0].labels(_ALL).shape
        if names is not None:
            if len(names) < len(codes.names):
                msg = f'{len(names)} names are given, but labels go up to '
                raise ValueError(f'{msg}{len(codes.names) - 1}; name all classes')
            colors = list(class_colors(len(names)).values())
            codes = ChangeCodes(list(names), [color[:3] for color in colors])
        dates = list(found if dates is None else dates)
        if len(dates) != len(dated):
            msg = f'{len(dates)} dates are given for {len(dated)} maps; name each'
            raise ValueError(msg)
        tracks = track_changes(
            dated,
            (shape[0], shape[1]),
            rules,
            lambda fill: np.full(shape, fill, np.uint8),
            has_margins=all(d.margins(_NONE) is not None for d in dated),
            date_of=date_of,
        )
        transitions = count_transitions(tracks, codes.names, like)
    warn_of_dates(dates, tracks.known, tracks.shares())
    wrap = _wrap_of(maps)
    return Changes(
        wrap(codes.encode(tracks.start, tracks.end, tracks.seen)),
        wrap(tracks.count),
        wrap(tracks.date),
        None if tracks.sure is None else wrap(tracks.sure),
        codes.legend()[0],
        dates,
        transitions,
    )


_ALL, _NONE = (slice(None), slice(None)), (slice(0, 0), slice(0, 0))


@dataclass(frozen=True)
class _Array:
    """Labels in memory as one date of several."""

    values: Codes
    margin: Codes | None
    scene: Bands | None

    def labels(self, part: Part) -> Codes:
        """Read classes, 255 where unknown."""
        return self.values[part]

    def margins(self, part: Part) -> Codes | None:
        """Read margins in percent, if there are any."""
        return None if self.margin is None else self.margin[part]

    def bands(self, part: Part) -> Bands | None:
        """Read the scene, if there is one."""
        return None if self.scene is None else self.scene[:, *part]


def _take(
    stack: ExitStack, maps: Any, confidence: Any, images: Any
) -> tuple[Sequence[DateLabels], ChangeCodes, DatasetReader | None, Sequence[str]]:
    """Dates, classes, the grid of maps that are files, and names of the dates."""
    if _is_paths(maps):
        doubts = None if confidence is None else [Path(p) for p in confidence]
        files = [Path(path) for path in images] if images is not None else []
        found = open_dates(stack, [Path(path) for path in maps], doubts, files)
        codes = ChangeCodes(found.names, found.colors)
        return found.maps, codes, found.like, found.dates
    labels = [_labels(one) for one in maps]
    if len(labels) < 2 or {one.shape for one in labels} != {labels[0].shape}:
        msg = f'maps have shapes {[one.shape for one in labels]}; give two or more of '
        raise ValueError(f'{msg}one shape (H, W), the old one first')
    margins: Sequence[Codes | None] = [None] * len(labels)
    if confidence is not None:
        margins = [_margin(one) for one in confidence]
        if [m.shape for m in margins if m is not None] != [m.shape for m in labels]:
            raise ValueError(
                'confidence is not of the shape of the maps; give one each'
            )
    highest = max(
        (int(one[one != UNKNOWN].max(initial=0)) for one in labels), default=0
    )
    colors: list[Color] = [c[:3] for c in class_colors(highest + 1).values()]
    codes = ChangeCodes([f'class {i}' for i in range(highest + 1)], colors)
    scenes: Sequence[Bands | None] = [None] * len(labels)
    if images is not None:
        scenes = [np.asarray(one, np.float64) for one in images]
        if [s.shape[1:] for s in scenes if s is not None] != [m.shape for m in labels]:
            msg = (
                'images are not of the shape of the maps; give one of shape (C, H, W) '
            )
            raise ValueError(f'{msg}for each map')
    dated = [_Array(*one) for one in zip(labels, margins, scenes, strict=True)]
    return dated, codes, None, _dates_of(maps)


def _is_paths(maps: Any) -> bool:
    if isinstance(maps, str | os.PathLike):
        msg = f'maps={str(maps)!r} is one path; a change needs two or more maps'
        raise TypeError(msg)
    return len(maps) > 0 and isinstance(maps[0], str | os.PathLike)


def _labels(one: Any) -> Codes:
    values = np.asarray(one)
    if values.ndim != 2:
        msg = f'a map has shape {values.shape}; give labels of shape (H, W)'
        raise ValueError(msg)
    known = np.isfinite(values) & (values >= 0)
    if known.any() and values[known].max() >= MOST_CLASSES:
        msg = f'a map has label {values[known].max():g}, but labels are 0 to '
        msg += f'{MOST_CLASSES - 1}; give what is unknown as -1, and merge classes '
        raise ValueError(f'{msg}if there are more')
    found: Codes = np.where(known, values, UNKNOWN).astype(np.uint8)
    return found


def _margin(one: Any) -> Codes:
    values = np.asarray(one)
    known = np.isfinite(values) & (values >= 0) & (values <= 100)
    found: Codes = np.where(known, values, 0).round().astype(np.uint8)
    return found


def _dates_of(maps: Any) -> list[str]:
    """Names of dates: those of the coordinate of an array of xarray, or numbers."""
    first = getattr(maps, 'dims', [None])[0]
    if first is not None and first in maps.coords:
        values = maps.coords[first].values
        if values.dtype.kind == 'M':
            return [str(value) for value in values.astype('datetime64[D]')]
        return [str(value) for value in values]
    return [f'date {i + 1}' for i in range(len(maps))]


def _wrap_of(maps: Any) -> Callable[[npt.NDArray[Any]], Any]:
    """What gives an array the coordinates of the maps."""
    first = maps[0]
    if not hasattr(first, 'dims') or not hasattr(first, 'copy'):
        return lambda values: values
    # The coordinate of the date is not that of a change.
    own = [name for name in getattr(maps, 'dims', ())[:1] if name in first.coords]
    plane = first.drop_vars(own).drop_attrs()
    return lambda values: plane.copy(data=values)
