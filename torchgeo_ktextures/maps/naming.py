# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Naming of clusters by labelled points."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import numpy.typing as npt
from rasterio.io import DatasetReader
from rasterio.windows import Window
from scipy.ndimage import label as components

from ..errors import first_line
from .legend import ClassEntry
from .reading import class_color, nodata_of, read_part, windows

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

    def votes(self) -> npt.NDArray[np.int64]:
        """Number of points by cluster and name, of shape ``(clusters, names)``."""
        votes = np.zeros((self.clusters.max() + 1, len(self.names)), np.int64)
        np.add.at(votes, (self.clusters, self.codes), 1)
        return votes


def read_points(
    path: str | os.PathLike[str], src: DatasetReader, column: str = 'class'
) -> Points:
    """Read labelled points, and find the clusters they are on.

    Args:
        path: Vector file of points in any coordinate reference system. Points without
            a name, outside of the map or where it has no cluster are left out.
        src: Open map.
        column: Column of the names.

    Returns:
        Points.

    Raises:
        ValueError: If the file or the map has no georeference, the file cannot be
            read or has no such column, something is not a point, names differ only in
            case, or no point is on a cluster.
    """
    try:
        frame = gpd.read_file(path)
    except (OSError, RuntimeError, ValueError) as error:  # GDAL fails by either
        reason = first_line(error)
        msg = f'points {str(path)!r} cannot be read ({reason}); check the path'
        raise ValueError(msg) from None
    if column not in frame:
        columns = ', '.join(repr(str(c)) for c in frame.columns)
        msg = f'{path} has no column {column!r} of names but {columns}; rename one'
        raise ValueError(msg)
    for file, crs in ((src.name, src.crs), (path, getattr(frame, 'crs', None))):
        if crs is None:
            msg = f'{file} has no coordinate reference system, so points have no place '
            raise ValueError(msg + 'in the map; give it one')
    frame = frame[frame[column].notna() & frame.geometry.notna()]
    other = set(frame.geom_type) - {'Point'}
    if other:
        msg = f'{path} holds {other.pop()}s; give points, such as their centroids'
        raise ValueError(msg)
    frame = frame.to_crs(src.crs)
    x, y = frame.geometry.x.to_numpy(), frame.geometry.y.to_numpy()
    cols, rows = (np.floor(v).astype(np.int64) for v in ~src.transform @ (x, y))
    inside = (rows >= 0) & (rows < src.height) & (cols >= 0) & (cols < src.width)
    clusters = np.full(len(frame), nodata_of(src), np.int64)
    for window in windows(src):
        row, col = rows - window.row_off, cols - window.col_off
        here = inside & (row >= 0) & (row < window.height)
        here &= (col >= 0) & (col < window.width)
        if here.any():
            clusters[here] = read_part(src, window)[row[here], col[here]]
    texts = [' '.join(str(name).split()) for name in frame[column]]
    keep = clusters != nodata_of(src)
    if not keep.any():
        msg = f'none of the {len(frame)} named points of {path} is on a cluster of '
        raise ValueError(f'{msg}{src.name}; use points within the map')
    names = sorted({text for text, kept in zip(texts, keep, strict=True) if kept})
    check_spelling(path, names)
    codes = np.array([names.index(t) if k else -1 for t, k in zip(texts, keep)])
    return Points(rows[keep], cols[keep], clusters[keep], codes[keep], names)


def check_spelling(path: str | os.PathLike[str], names: Iterable[str]) -> None:
    """Check that names do not differ only in case.

    Args:
        path: File of the names, for errors.
        names: Names.

    Raises:
        ValueError: If they do.
    """
    spelled: dict[str, str] = {}
    for name in names:
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
        red, green, blue = class_color(src, code)[:3]
        entries.append(ClassEntry(code, (red, green, blue), pixels=int(counts[code])))
    return entries


def name_by_points(
    entries: Sequence[ClassEntry], points: Points, min_agreement: float
) -> list[ClassEntry]:
    """Name clusters that have no name by the majority of the points on them.

    Args:
        entries: Legend.
        points: Labelled points.
        min_agreement: Share of the points of a cluster that must agree.

    Returns:
        Legend without empty names. Clusters without points or of too little agreement
        are dropped.
    """
    votes = points.votes()
    named = []
    for entry in entries:
        own = votes[entry.index] if entry.index < len(votes) else votes[0] * 0
        if entry.name == '':
            sure = own.sum() and own.max() >= min_agreement * own.sum()
            entry = replace(entry, name=points.names[own.argmax()] if sure else None)
        named.append(entry)
    return named


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
