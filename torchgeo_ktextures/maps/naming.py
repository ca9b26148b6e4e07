# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Naming of clusters by labelled points."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from unicodedata import category

import numpy as np
import numpy.typing as npt
from rasterio.io import DatasetReader
from rasterio.windows import Window
from scipy.ndimage import label as components

from .legend import ClassEntry
from .point_files import NamedPoints, read_named_points
from .reading import class_color, give_georeference, nodata_of, read_part, windows

#: Distance in pixels within which a patch must end for its points to speak for it.
_REACH = 512


@dataclass(frozen=True)
class Points:
    """Labelled points that are on a cluster of a map."""

    rows: npt.NDArray[np.int64]
    cols: npt.NDArray[np.int64]
    clusters: npt.NDArray[np.int64]
    #: Number of the name of each point.
    codes: npt.NDArray[np.int64]
    names: Sequence[str]
    #: Sentences on the points of the file that are not among these.
    left_out: Sequence[str] = ()
    #: Values of other columns, of those that were asked for and are there.
    others: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    def votes(self) -> npt.NDArray[np.int64]:
        """Number of points by cluster and name, of shape ``(clusters, names)``."""
        votes = np.zeros((self.clusters.max() + 1, len(self.names)), np.int64)
        np.add.at(votes, (self.clusters, self.codes), 1)
        return votes


def read_points(
    path: str | os.PathLike[str],
    src: DatasetReader,
    column: str = 'class',
    others: Sequence[str] = (),
) -> Points:
    """Read labelled points, and find the clusters they are on.

    Args:
        path: Vector file of points in any coordinate reference system, or a layer of
            it: ``FILE|layername=LAYER``. Points without a name, outside of the map or
            where it has no cluster are left out.
        src: Open map.
        column: Column of the names.
        others: Other columns to read where there are such.

    Returns:
        Points.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If the file or the map has no georeference, the file has no such
            column, something is not a point, names differ only in case, or no point is
            on a cluster.
    """
    found = read_named_points(path, column, others)
    if src.crs is None:
        msg = f'{src.name} has no coordinate reference system, so points have no place '
        raise ValueError(f'{msg}in the map; {give_georeference(src)}')
    if not found.texts:
        msg = f'none of the {found.total} points of {path} has a name and a place; '
        raise ValueError(f'{msg}fill in column {column!r}')
    rows, cols, inside = pixels_at(src, *found.project(src.crs))
    clusters = np.full(len(rows), nodata_of(src), np.int64)
    for window in windows(src):
        row, col = rows - window.row_off, cols - window.col_off
        here = inside & (row >= 0) & (row < window.height)
        here &= (col >= 0) & (col < window.width)
        if here.any():
            clusters[here] = read_part(src, window)[row[here], col[here]]
    keep = clusters != nodata_of(src)
    if not keep.any():
        msg = f'none of the {len(rows)} named points of {path} is on a cluster of '
        msg += f'{src.name}; '
        raise ValueError(msg + advise(src, found, bool(inside.any())))
    names = sorted({text for text, kept in zip(found.texts, keep) if kept})
    check_spelling(path, names)
    codes = np.array([names.index(t) if k else -1 for t, k in zip(found.texts, keep)])
    empty = int((inside & ~keep).sum())
    left_out = found.left_out(
        'on the map',
        {
            'outside of it': len(rows) - int(inside.sum()),
            'where it has no class': empty,
        },
    )
    return Points(
        rows[keep],
        cols[keep],
        clusters[keep],
        codes[keep],
        names,
        left_out,
        {name: values[keep] for name, values in found.others.items()},
    )


def pixels_at(
    src: DatasetReader, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Find the pixels that places are in.

    Args:
        src: Open raster.
        x: Coordinates in its coordinate reference system.
        y: Likewise.

    Returns:
        Rows and columns, -1 outside of the raster, and which of them are inside.
    """
    with np.errstate(invalid='ignore'):  # infinite where a projection does not reach
        cols, rows = (np.floor(v) for v in ~src.transform @ (x, y))
        inside = (rows >= 0) & (rows < src.height) & (cols >= 0) & (cols < src.width)
    rows, cols = (np.where(inside, v, -1).astype(np.int64) for v in (rows, cols))
    return rows, cols, inside


def advise(src: DatasetReader, found: NamedPoints, some_inside: bool) -> str:
    """Say what to do about points of which none can be used.

    Args:
        src: Open raster.
        found: Points.
        some_inside: Whether some are inside of it.

    Returns:
        A part of a sentence.
    """
    if some_inside:
        return 'where they are it has no data; use points elsewhere'
    if pixels_at(src, *found.project(src.crs, swap=True))[2].any():
        return 'with x and y swapped they would be; save them with longitude as x'
    if found.crs != src.crs and pixels_at(src, found.x, found.y)[2].any():
        msg = f'their coordinates are those of {src.crs} but the file says '
        return f'{msg}{found.crs.name}; set its coordinate reference system right'
    return 'use points within it'


def check_spelling(path: str | os.PathLike[str], names: Iterable[str]) -> None:
    """Check that names do not differ only in case.

    Args:
        path: File of the names, for errors.
        names: Names.

    Raises:
        ValueError: If they do, or one has characters that are none.
    """
    spelled: dict[str, str] = {}
    for name in names:
        if any(category(character) in ('Cc', 'Cs') for character in name):
            msg = f'{path}: the name {name!r} has a control character, which maps '
            raise ValueError(f'{msg}cannot hold; remove it')
        first = spelled.setdefault(name.casefold(), name)
        if first != name:
            msg = f'{path}: the names {first!r} and {name!r} differ only in case; '
            raise ValueError(msg + 'spell them alike to merge them')


def unnamed_clusters(
    src: DatasetReader, counts: npt.NDArray[np.int64]
) -> list[ClassEntry]:
    """Legend of a map in which no cluster has a name.

    Args:
        src: Open map.
        counts: Number of pixels by code.

    Returns:
        An entry for each cluster.
    """
    entries = []
    for code in counts.nonzero()[0].tolist():
        color = class_color(src, code)
        entries.append(ClassEntry(code, color, pixels=int(counts[code])))
    return entries


def name_by_points(
    entries: Sequence[ClassEntry], points: Points, min_agreement: float
) -> tuple[list[ClassEntry], dict[int, str]]:
    """Name clusters that have no name by the majority of the points on them.

    Args:
        entries: Legend.
        points: Labelled points.
        min_agreement: Share of the points of a cluster that must agree.

    Returns:
        Legend without empty names, and why clusters are dropped: those without points
        or of too little agreement.
    """
    votes = points.votes()
    named, reasons = [], {}
    for entry in entries:
        own = votes[entry.index] if entry.index < len(votes) else votes[0] * 0
        if entry.name == '':
            sure = own.sum() and own.max() >= min_agreement * own.sum()
            entry = replace(entry, name=points.names[own.argmax()] if sure else None)
            if not own.sum():
                reasons[entry.index] = 'no point on it'
            elif not sure:
                why = f'{own.max()} of {own.sum()} points on it agree'
                reasons[entry.index] = f'{why}, min_agreement is {min_agreement}'
        named.append(entry)
    return named, reasons


def advise_to_classify(points: Points) -> list[str]:
    """Say where whole clusters are too coarse for points.

    Args:
        points: Labelled points.

    Returns:
        A sentence, or none where all points of each cluster agree.
    """
    votes = points.votes()
    mixed = np.flatnonzero(votes.max(1) < votes.sum(1)).tolist()
    if not mixed:
        return []
    shown = ', '.join(map(str, mixed))
    what = f'cluster {shown}' if len(mixed) == 1 else f'clusters {shown}'
    return [f'points on {what} disagree: classify tells classes apart within clusters']


def patches_of_points(
    src: DatasetReader, points: Points
) -> Iterator[tuple[Window, npt.NDArray[np.bool_], str]]:
    """Find the patches that points are in, and their names.

    A patch is what is connected, by edges, with a point within its cluster. One that
    goes on beyond 512 pixels is left to its cluster: a point knows nothing of all of it,
    and a cut through it would show. The name is that of the majority of the points in
    the patch; where they are equal, the majority on the whole cluster decides.

    Args:
        src: Open map.
        points: Labelled points.

    Yields:
        Window, the patch in it of the shape of the window, and its name.
    """
    votes = points.votes()
    shares = votes / votes.sum(1, keepdims=True).clip(1)
    for row, col, cluster in zip(
        points.rows, points.cols, points.clusters, strict=True
    ):
        top, left = max(row - _REACH, 0), max(col - _REACH, 0)
        bottom = min(row + _REACH + 1, src.height)
        right = min(col + _REACH + 1, src.width)
        window = Window(left, top, right - left, bottom - top)
        patches, _ = components(read_part(src, window) == cluster)
        patch = patches == patches[row - top, col - left]
        if (
            (top > 0 and patch[0].any())
            or (left > 0 and patch[:, 0].any())
            or (bottom < src.height and patch[-1].any())
            or (right < src.width and patch[:, -1].any())
        ):
            continue
        near = (points.rows >= top) & (points.rows < bottom)
        near &= (points.cols >= left) & (points.cols < right)
        rows, cols, codes = (
            v[near] for v in (points.rows - top, points.cols - left, points.codes)
        )
        found = np.bincount(codes[patch[rows, cols]], minlength=len(points.names))
        yield window, patch, points.names[(found + 0.5 * shares[cluster]).argmax()]
