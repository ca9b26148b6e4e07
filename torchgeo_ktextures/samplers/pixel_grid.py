# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Pixel-exact grid of patches."""

from collections.abc import Iterator
from itertools import islice, pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from shapely import MultiPolygon, Polygon
from torchgeo.datasets import GeoDataset
from torchgeo.datasets.utils import GeoSlice
from torchgeo.samplers import SequentialTimestampSampler, TemporalSampler

from ..datasets import PixelWindow
from .sharding import rank_and_world_size
from .spatial import PixelSampler

#: Boxes are made smaller by this many pixels before they are compared with areas, so
#: that neither neighbours that touch nor rounding count.
SHRINK = 0.25


class PixelGridSampler(PixelSampler):
    """Covers a dataset with patches at whole pixels of its grid.

    All patches have the same size. Along an axis of N pixels there are ceil((N -
    overlap) / (size - overlap)) of them; the last one ends with the data, so that it may
    overlap more, and none leaves the data unless it is larger. Each patch has a core,
    which ends in the middle of the overlap with its neighbours: every pixel is in
    exactly one core. Patches whose core has nothing of the dataset or of the region of
    interest in it are left out.
    """

    strategy = 'sequential'

    def __init__(
        self,
        dataset: GeoDataset,
        *,
        size: tuple[int, int] | int,
        overlap: tuple[int, int] | int = 0,
        roi: Polygon | MultiPolygon | None = None,
    ) -> None:
        """Initialize a new PixelGridSampler instance.

        Args:
            dataset: Dataset to sample from.
            size: Height and width of each patch in pixels.
            overlap: Pixels that neighbours share, at least; twice the margin that is to
                be cropped.
            roi: Region of interest to sample from (defaults to the whole dataset).

        Raises:
            ValueError: If a number is out of its range, or the files are not on one
                pixel grid.
        """
        super().__init__(dataset, roi=roi)
        self.size = check_size(size)
        self.overlap = (overlap, overlap) if isinstance(overlap, int) else overlap
        for pixels, shared in zip(self.size, self.overlap, strict=True):
            if not 0 <= shared < pixels:
                msg = f'overlap={overlap} must be at least 0 and below size={size}'
                raise ValueError(msg)
        left, bottom, right, top = dataset.index.total_bounds
        self.origin = float(left), float(top)
        shape = (top - bottom) / self.res[1], (right - left) / self.res[0]
        self._check_grid(dataset)
        rows, cols = (
            _divide(round(n), s, o)
            for n, s, o in zip(shape, self.size, self.overlap, strict=True)
        )
        windows = [
            PixelWindow(0, row, col, *self.size, r, c, bottom - r, right - c)
            for row, r, bottom in rows
            for col, c, right in cols
        ]
        self._by_start = {(w.row, w.col): w for w in windows}
        self.windows = self._inside(windows, self.geometry)

    def _check_grid(self, dataset: GeoDataset) -> None:
        bounds = dataset.index.bounds
        offsets = np.stack(
            [
                (bounds.minx - self.origin[0]) / self.res[0],
                (self.origin[1] - bounds.maxy) / self.res[1],
            ]
        )
        off = np.abs(offsets - offsets.round()).max(0)
        if off.max() > 0.01:
            i = int(off.argmax())
            names = dataset.index.get('filepath')
            name = 'a file' if names is None else names.iloc[i]
            msg = f'{name} is {off[i]:.2f} pixels off the grid of the other files; use '
            msg += 'files of one grid at a time'
            raise ValueError(msg)

    def _inside(
        self, windows: list[PixelWindow], area: Polygon | MultiPolygon
    ) -> list[PixelWindow]:
        """Windows whose core reaches into an area."""
        if not windows:
            return []
        left, bottom, right, top = np.array([self.core_bounds(w) for w in windows]).T
        dx, dy = (SHRINK * res for res in self.res)
        cores = shapely.box(left + dx, bottom + dy, right - dx, top - dy)
        shapely.prepare(area)
        keep: npt.NDArray[np.bool_] = shapely.intersects(area, cores)
        return [window for window, k in zip(windows, keep, strict=True) if k]

    def window_bounds(self, w: PixelWindow) -> tuple[float, float, float, float]:
        """Left, bottom, right and top of a window."""
        return self._bounds(w.row, w.col, w.height, w.width)

    def core_bounds(self, w: PixelWindow) -> tuple[float, float, float, float]:
        """Left, bottom, right and top of the core of a window."""
        return self._bounds(w.core_row, w.core_col, w.core_height, w.core_width)

    def _bounds(
        self, row: int, col: int, height: int, width: int
    ) -> tuple[float, float, float, float]:
        (left, top), (xres, yres) = self.origin, self.res
        return (
            left + col * xres,
            top - (row + height) * yres,
            left + (col + width) * xres,
            top - row * yres,
        )

    def _slices(self, window: PixelWindow) -> tuple[slice, slice]:
        left, bottom, right, top = self.window_bounds(window)
        return slice(left, right), slice(bottom, top)

    def locate(self, index: GeoSlice) -> PixelWindow:
        """Find the window and the core of something that was yielded.

        Args:
            index: [xmin:xmax, ymin:ymax, ...] coordinates.

        Returns:
            Window in pixels from the upper left of the dataset.
        """
        assert isinstance(index, tuple)
        x, y = index[0], index[1]  # type: ignore[misc]
        row = round((self.origin[1] - y.stop) / self.res[1])
        col = round((x.start - self.origin[0]) / self.res[0])
        return self._by_start[row, col]

    def __len__(self) -> int:
        """Return the number of patches in the share of this process."""
        rank, world_size = rank_and_world_size()
        return len(range(rank, len(self.windows), world_size))

    def __iter__(self) -> Iterator[tuple[slice, slice]]:
        """Iterate over the patches in reading order, the share of this process.

        Yields:
            [xmin:xmax, ymin:ymax] coordinates to index a dataset.
        """
        rank, world_size = rank_and_world_size()
        for window in islice(self.windows, rank, None, world_size):
            yield self._slices(window)

    def iter_times(self, temporal: TemporalSampler) -> Iterator[GeoSlice]:
        """Iterate over locations and times, the share of this process.

        With a SequentialTimestampSampler, one date comes after the other, and only
        where it has data.

        Args:
            temporal: Temporal sampler of the same dataset.

        Yields:
            [xmin:xmax, ymin:ymax, tmin:tmax] coordinates to index a dataset.
        """
        if not isinstance(temporal, SequentialTimestampSampler):
            for location in self:
                # A random sampler may go on forever; it tells how often it is asked.
                count = len(temporal) if temporal.strategy == 'random' else None
                yield from islice(temporal._iter_subset(location), count)
            return
        rank, world_size = rank_and_world_size()
        yield from islice(self._by_date(temporal), rank, None, world_size)

    def _by_date(self, temporal: SequentialTimestampSampler) -> Iterator[GeoSlice]:
        intervals = temporal.index.index
        for interval in sorted(pd.unique(intervals)):
            area = temporal.index.geometry[intervals == interval].union_all()
            for window in self._inside(self.windows, area):
                yield *self._slices(window), slice(interval.left, interval.right)


def check_size(size: tuple[int, int] | int) -> tuple[int, int]:
    """Height and width of a patch in whole pixels."""
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 1 or height != int(height) or width != int(width):
        raise ValueError(f'size={size} must be a number of whole pixels, at least 1')
    return int(height), int(width)


def _divide(length: int, size: int, overlap: int) -> list[tuple[int, int, int]]:
    """Starts of the patches along an axis, and the starts and stops of their cores."""
    count = max(1, -(-(length - overlap) // (size - overlap)))
    last = max(length - size, 0)
    starts = [min(i * (size - overlap), last) for i in range(count)]
    edges = [0]
    for before, start in pairwise(starts):
        edges.append(start + (before + size - start) // 2)
    edges.append(length)
    return list(zip(starts, edges[:-1], edges[1:], strict=True))
