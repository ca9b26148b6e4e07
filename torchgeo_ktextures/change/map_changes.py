# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Maps of change from label maps of several dates."""

import json
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader
from rasterio.windows import Window

from ..maps.area import Area, pixel_area_ha
from ..maps.cleaning import min_area_pixels
from ..maps.cog import finish_cog
from ..maps.crs import check_crs
from ..maps.output import (
    WRITE_ERRORS,
    check_map_name,
    make_folder,
    scratch_file,
    write_error,
)
from ..maps.reading import NAMES_TAG
from ..maps.sidecars import sidecar_paths
from ..maps.writing import create_map
from .codes import ChangeCodes, Color, mark_unknown, numbered_legend
from .comparison import Codes
from .inputs import DateMaps, open_dates
from .part_changes import Part, parts_of
from .rules import ChangeRules
from .seasons import warn_of_dates
from .tracking import Tracks, track_changes
from .transitions import Transitions

type _Legend = tuple[list[str], list[Color]]

#: Tag of a map of change that tells its classes, dates and maps.
CHANGE_TAG = 'KTEXTURES_CHANGE'


@dataclass(frozen=True)
class ChangeMaps:
    """Maps of change that were written, and what they show."""

    #: Maps by what they show: 'change' and, if there are any, 'confidence', 'date' of
    #: the change and 'count' of changes.
    files: dict[str, Path]
    #: Names of the dates.
    dates: Sequence[str]
    #: What counted as a change.
    rules: ChangeRules
    #: Classes and codes.
    codes: ChangeCodes
    transitions: Transitions
    #: Share of what is known that changed at each date, from the second on.
    shares: Sequence[float]
    #: Sentences on what was done to bring the maps together.
    notes: Sequence[str]

    def paths(self) -> list[Path]:
        """Name all files that were written, what belongs to the maps included."""
        return [
            file
            for path in self.files.values()
            for file in (path, *sidecar_paths(path))
            if file.exists()
        ]


def output_paths(output: Path, dates: int, has_margins: bool) -> dict[str, Path]:
    """Name the maps that are written.

    Args:
        output: Map of change.
        dates: Number of dates.
        has_margins: Whether there is a confidence.

    Returns:
        Paths by what they show.
    """
    kinds = ['confidence'] * has_margins + ['date', 'count'] * (dates > 2)
    beside = {kind: output.with_name(f'{output.stem}_{kind}.tif') for kind in kinds}
    return {'change': output} | beside


def change_maps(
    paths: Sequence[Path],
    output: Path,
    *,
    confidence: Sequence[Path | None] | None = None,
    images: Sequence[Path] = (),
    min_confidence: float = ChangeRules.min_confidence,
    tolerance: int = ChangeRules.tolerance,
    min_area: str | None = None,
    date_of: Literal['first', 'last'] = 'last',
) -> ChangeMaps:
    """Compare label maps of several dates, and write what has changed.

    Memory does not grow with the maps, except with the number of changes smaller than
    the minimum area. While it runs, some bytes for each pixel are on disk.

    Args:
        paths: Maps of one legend in the order of their dates. Others than the first are
            warped to its grid where they have another one.
        output: Cloud Optimized GeoTIFF to write. Others are written beside it, see
            :func:`output_paths`.
        confidence: Maps of their confidence, or none (defaults to those beside them).
        images: Scenes that they are of, in the same order, or none. With them, only
            changes count that stand out in the scenes, with the outlines of these.
        min_confidence: See :class:`ChangeRules`.
        tolerance: See :class:`ChangeRules`.
        min_area: Least area of a change, such as ``0.5ha``, ``400m2`` or ``20px``
            (defaults to the pixels of :class:`ChangeRules`).
        date_of: With more than two maps, the change of which the date is written.

    Returns:
        What was written.

    Raises:
        OSError: If a map cannot be read or written.
        ValueError: If maps do not belong together, or an argument does not fit.
    """
    check_map_name(output)
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        maps = open_dates(stack, paths, confidence, images)
        files = output_paths(output, len(paths), maps.has_margins)
        _check_targets(maps, files)
        pixels = min(ChangeRules.min_pixels, maps.like.height * maps.like.width)
        if min_area is not None:
            pixels = min_area_pixels(min_area, maps.like)
        rules = ChangeRules(min_confidence, tolerance, pixels)
        check_crs(maps.like.crs, maps.like.name)
        make_folder(output.parent)
        folder = stack.enter_context(scratch_file(output, 'dates'))
        try:
            folder.mkdir()
            tracks = track_changes(
                maps.maps,
                maps.like.shape,
                rules,
                Scratch(folder, maps.like.shape),
                has_margins=maps.has_margins,
                date_of=date_of,
            )
            codes = ChangeCodes(maps.names, maps.colors)
            transitions = count_transitions(tracks, codes.names, maps.like)
            for kind, path in files.items():
                _write(kind, folder / f'{kind}.tif', path, tracks, codes, maps)
        except WRITE_ERRORS as error:
            raise write_error(output, error) from None
        shares = tracks.shares()
        warn_of_dates(maps.dates, tracks.known, shares)
    return ChangeMaps(files, maps.dates, rules, codes, transitions, shares, maps.notes)


class Scratch:
    """Makes arrays on disk."""

    def __init__(self, folder: Path, shape: tuple[int, int]) -> None:
        """Begin.

        Args:
            folder: Folder for the arrays.
            shape: Height and width.
        """
        self.folder = folder
        self.shape = shape
        self.number = 0

    def __call__(self, fill: int) -> Codes:
        """Make an array.

        Args:
            fill: Value that it is filled with.

        Returns:
            The array, of the shape of the map.
        """
        path = self.folder / f'{self.number}'
        self.number += 1
        # A full disk kills a process that writes to mapped memory, so it is filled here.
        with path.open('wb') as file:
            for _ in range(self.shape[0]):
                file.write(bytes([fill]) * self.shape[1])
        return np.memmap(path, np.uint8, 'r+', shape=self.shape)


def count_transitions(
    tracks: Tracks, names: Sequence[str], like: DatasetReader | None
) -> Transitions:
    """Count what became of the pixels of a map.

    Args:
        tracks: What became of each pixel.
        names: Names of the classes.
        like: Open map, for the area of its pixels.

    Returns:
        Pixels and hectares by class before and after.
    """
    shape = tracks.end.shape
    areas: Area | None = None
    if like is not None and like.crs is not None and not like.transform.is_identity:
        rows, middle = np.arange(shape[0]), (shape[1] - 1) / 2
        areas = pixel_area_ha(like.crs, like.transform, rows, middle)
    transitions = Transitions(names, areas is not None)
    for part in parts_of((shape[0], shape[1])):
        transitions.add(
            (tracks.start[part], tracks.end[part]),
            (tracks.first[part], tracks.last[part]),
            tracks.count[part],
            tracks.seen[part],
            None if areas is None else areas[part[0]],
        )
    return transitions


def _check_targets(maps: DateMaps, files: dict[str, Path]) -> None:
    """Check that no input is overwritten."""
    inputs = {path.resolve() for path in maps.paths}
    inputs |= {Path(path).resolve() for path in maps.others}
    for path in files.values():
        if path.resolve() in inputs:
            msg = f'{path} is one of the inputs, which would be overwritten; choose '
            raise ValueError(f'{msg}another output')


def _write(
    kind: str,
    scratch: Path,
    path: Path,
    tracks: Tracks,
    codes: ChangeCodes,
    maps: DateMaps,
) -> None:
    """Write one of the maps."""
    like, read, legend, dtype = maps.like, *_kind(kind, tracks, codes, maps)
    with create_map(scratch, like, dtype, int(np.iinfo(dtype).max), zlevel=1) as dst:
        for part in parts_of(like.shape):
            dst.write(read(part), 1, window=Window.from_slices(*part))
        dst.set_band_description(1, 'confidence' if legend is None else 'change')
        about = {
            'classes': list(maps.names),
            'dates': list(maps.dates),
            'maps': [path.name for path in maps.paths],
        }
        dst.update_tags(**{CHANGE_TAG: json.dumps(about, ensure_ascii=False)})
        if legend is not None:
            names, colors = legend
            dst.write_colormap(1, dict(enumerate(colors)))
            dst.update_tags(1, **{NAMES_TAG: json.dumps(names, ensure_ascii=False)})
    finish_cog(scratch, path)


def _kind(
    kind: str, tracks: Tracks, codes: ChangeCodes, maps: DateMaps
) -> tuple[Callable[[Part], npt.NDArray[np.integer]], _Legend | None, str]:
    """What reads a map of a kind, its names and colours, and its data type."""
    seen = tracks.seen
    if kind == 'change':
        start, end = tracks.start, tracks.end
        return (
            lambda part: codes.encode(start[part], end[part], seen[part]),
            codes.legend(),
            codes.dtype,
        )
    if kind == 'confidence':
        sure = tracks.sure
        assert sure is not None
        return lambda part: sure[part], None, 'uint8'
    later = range(1, len(maps.dates))
    if kind == 'date':
        values, names = tracks.date, [maps.dates[i] for i in later]
    else:
        values = tracks.count
        names = [f'{i} change{"s" if i > 1 else ""}' for i in later]
    return (
        lambda part: mark_unknown(values[part], seen[part], len(names) + 1),
        numbered_legend(names),
        'uint8',
    )
