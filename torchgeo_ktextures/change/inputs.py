# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Maps of several dates, brought to one grid and one legend."""

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.io import DatasetReader
from rasterio.windows import Window

from ..maps.belonging import check_same_model
from ..maps.cleaning import check_confidence
from ..maps.merging import read_tree
from ..maps.on_grid import on_grid
from ..maps.reading import (
    MODEL_TAG,
    NAMES_TAG,
    check_same_grid,
    class_color,
    class_names,
    damage_named,
    nodata_of,
    open_labels,
    open_raster,
    read_part,
    told_classes,
)
from ..maps.scenes import open_scene
from .align import ALIGNED_TAG
from .codes import Color
from .comparison import Codes
from .dates import name_dates
from .evidence import Bands
from .part_changes import Part
from .rules import MOST_CLASSES, UNKNOWN

#: Ends of the names of maps, instead of which maps of their confidence have another.
_SUFFIXES = ('_labels', '_classes', '')


@dataclass(frozen=True)
class DateMap:
    """A label map as one date of several."""

    #: The open map, on the grid of the first one.
    src: DatasetReader
    #: Number of the class of each code, 255 for none.
    table: Codes
    #: The open map of its confidence on that grid, if there is one.
    confidence: DatasetReader | None
    #: The open scene on that grid, if there is one, and numbers of its bands.
    scene: DatasetReader | None = None
    indexes: Sequence[int] = ()

    def labels(self, part: Part) -> Codes:
        """Read classes, 255 where unknown."""
        return self.table[read_part(self.src, Window.from_slices(*part))]

    def margins(self, part: Part) -> Codes | None:
        """Read margins in percent, if there are any."""
        if self.confidence is None:
            return None
        found = read_part(self.confidence, Window.from_slices(*part))
        margins: Codes = np.where(found > 100, 0, found).astype(np.uint8)
        return margins

    def bands(self, part: Part) -> Bands | None:
        """Read the scene, NaN where invalid, if there is one."""
        if self.scene is None:
            return None
        with damage_named(self.scene):
            read = self.scene.read(
                list(self.indexes), window=Window.from_slices(*part), masked=True
            )
        bands: Bands = np.ma.filled(read.astype(np.float64), np.nan)
        bands[~np.isfinite(bands)] = np.nan
        return bands


@dataclass(frozen=True)
class DateMaps:
    """Label maps of one place, in the order of their dates."""

    paths: Sequence[Path]
    #: Names of the dates.
    dates: Sequence[str]
    #: The first map, on the grid of which the others are.
    like: DatasetReader
    maps: Sequence[DateMap]
    #: Names and colours of the classes.
    names: Sequence[str]
    colors: Sequence[Color]
    #: Sentences on what was done to bring them together.
    notes: Sequence[str]

    #: Maps of their confidence, and scenes.
    others: Sequence[Path] = ()

    @property
    def has_margins(self) -> bool:
        """Whether all dates have a confidence."""
        return all(one.confidence is not None for one in self.maps)


def open_dates(
    stack: ExitStack,
    paths: Sequence[Path],
    confidence: Sequence[Path | None] | None = None,
    images: Sequence[Path] = (),
) -> DateMaps:
    """Open maps of several dates.

    Classes are the same by their names where maps have names, else by their numbers,
    which mean the same in maps of one model.

    Args:
        stack: What closes the maps.
        paths: Maps in the order of their dates.
        confidence: Maps of their confidence, in the same order, or none (defaults to
            those that are beside the maps, as ``segment --confidence`` writes them).
        images: Scenes that they are of, in the same order, or none.

    Returns:
        The maps on the grid of the first one.

    Raises:
        OSError: If one cannot be read.
        ValueError: If there are fewer than two, or they do not belong together.
    """
    if len(paths) < 2:
        msg = (
            f'{len(paths)} map is given; a change needs two or more, the old one first'
        )
        raise ValueError(msg)
    sources = [stack.enter_context(open_labels(path)) for path in paths]
    names, tables = _classes(sources)
    colors = _colors(sources, names, tables)
    files = find_confidences(paths) if confidence is None else [*confidence]
    files = files or [None] * len(paths)
    for what, given in (('confidence', files), ('image', images)):
        if given and len(given) != len(paths):
            msg = f'{len(given)} of {what} are given for {len(paths)} maps; give one '
            raise ValueError(f'{msg}for each, in the same order')
    like, maps, notes = sources[0], [], []
    scenes: Sequence[Any] = _scenes(stack, images, like) or [(None, ())] * len(paths)
    for path, src, table, file, scene in zip(
        paths, sources, tables, files, scenes, strict=True
    ):
        found = stack.enter_context(on_grid(src, like))
        if found is not src:
            notes.append(f'{path.name} is warped to the grid of {paths[0].name}')
        sure = None
        if file is not None:
            doubts = stack.enter_context(open_raster(file, 'confidence'))
            check_confidence(doubts)
            check_same_grid(src, doubts)
            sure = stack.enter_context(on_grid(doubts, like))
        maps.append(DateMap(found, table, sure, *scene))
    missing = [p.name for p, file in zip(paths, files, strict=True) if file is None]
    if missing and confidence is None:
        msg = f'{missing[0]} has no confidence, so that doubtful pixels may count as '
        msg += 'changes; make the maps with segment --confidence'
        notes.append(msg)
        maps = [replace(one, confidence=None) for one in maps]
    others = [*images, *(file for file in files if file is not None)]
    dates = name_dates(paths)
    return DateMaps(paths, dates, like, maps, names, colors, notes, others)


def _classes(sources: Sequence[DatasetReader]) -> tuple[list[str], list[Codes]]:
    """Names of the classes of all maps, and the class of each code of each map."""
    named = [NAMES_TAG in src.tags(1) for src in sources]
    if any(named) and not all(named):
        one, other = sources[named.index(True)], sources[named.index(False)]
        msg = f'{one.name} has names of classes and {other.name} has numbers; name the '
        raise ValueError(f'{msg}classes of both with torchgeo-ktextures relabel')
    if all(named):
        lists = [class_names(src) for src in sources]
        names = list(dict.fromkeys(name for some in lists for name in some))
    else:
        for src in sources[1:]:
            check_same_model(sources[0], src)
        lists = _numbered(sources)
        names = max(lists, key=len)
    if len(names) > MOST_CLASSES:
        msg = f'{sources[0].name} and the others have {len(names)} classes, more than '
        msg += f'{MOST_CLASSES}; merge some with torchgeo-ktextures merge or relabel'
        raise ValueError(msg)
    tables = []
    for src, some in zip(sources, lists, strict=True):
        table = np.full(int(np.iinfo(src.dtypes[0]).max) + 1, UNKNOWN, np.uint8)
        table[: len(some)] = [names.index(name) for name in some]
        table[nodata_of(src)] = UNKNOWN
        tables.append(table)
    return names, tables


def _numbered(sources: Sequence[DatasetReader]) -> list[list[str]]:
    """Names of classes that have numbers, of each map."""
    lists = []
    for src in sources:
        count = told_classes(src)
        known = [f'class {i}' for i in range(count or 0)]
        lists.append(class_names(src) if count is None else known)
    counts = [_count(src) for src in sources]
    for src, number in zip(sources, counts, strict=True):
        if None not in (number, counts[0]) and number != counts[0]:
            one = sources[0]
            msg = f'{one.name} has {counts[0]} classes and {src.name} has {number}; '
            msg += 'segment both scenes together, bring both to one number with '
            msg += 'torchgeo-ktextures merge, or to one legend with torchgeo-ktextures '
            raise ValueError(f'{msg}align {one.name} {src.name} --output ALIGNED.tif')
    return lists


def _count(src: DatasetReader) -> int | None:
    """Number of classes that a map is meant to have, if it tells."""
    if ALIGNED_TAG in src.tags():  # classes without a partner are added
        return None
    with suppress(ValueError):
        return read_tree(src)[1]
    return told_classes(src)


def _colors(
    sources: Sequence[DatasetReader], names: Sequence[str], tables: Sequence[Codes]
) -> list[Color]:
    """Colours of classes: those of the first map that has them."""
    found: dict[int, Color] = {}
    for src, table in zip(sources, tables, strict=True):
        for code in np.flatnonzero(table != UNKNOWN).tolist():
            found.setdefault(int(table[code]), class_color(src, code))
    return [found[i] for i in range(len(names))]


def _scenes(
    stack: ExitStack, images: Sequence[Path], like: DatasetReader
) -> list[tuple[DatasetReader, Sequence[int]]]:
    """Open scenes on the grid of a map, and find their bands."""
    scenes: list[tuple[DatasetReader, Sequence[int]]] = []
    for image in images:
        src = stack.enter_context(open_raster(image, 'image'))
        indexes = open_scene(src, None).indexes
        if scenes and len(indexes) != len(scenes[0][1]):
            msg = f'{images[0]} has {len(scenes[0][1])} bands and {image} has '
            raise ValueError(f'{msg}{len(indexes)}; give scenes of one sensor')
        found = stack.enter_context(on_grid(src, like, is_scene=True))
        scenes.append((found, indexes))
    return scenes


def find_confidences(paths: Sequence[Path]) -> list[Path | None]:
    """Find maps of the confidence beside maps.

    Args:
        paths: Label maps.

    Returns:
        For each what ``segment --confidence`` wrote beside it, or None.
    """
    found: list[Path | None] = []
    for path in paths:
        beside = [
            path.with_name(f'{path.stem.removesuffix(suffix)}_confidence.tif')
            for suffix in _SUFFIXES
            if path.stem.endswith(suffix)
        ]
        known = [one for one in beside if one.is_file() and _of_one_model(path, one)]
        found.append(known[0] if known else None)
    return found


def _of_one_model(path: Path, confidence: Path) -> bool:
    """Whether a map of confidence is not one of an earlier map of that name."""
    with open_raster(path) as src, open_raster(confidence) as doubts:
        return bool(src.tags().get(MODEL_TAG) == doubts.tags().get(MODEL_TAG))
