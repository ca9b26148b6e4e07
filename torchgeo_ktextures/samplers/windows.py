# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Pixel-exact samplers of raster windows."""

import math
import warnings
from collections.abc import Callable, Collection, Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt
from torch.utils.data import Sampler

from ..datasets import PixelWindow, Windows
from ..errors import DataWarning, some_of
from .sharding import ShardedSampler, rank_and_world_size

#: Fractional part of the golden ratio.
_GOLDEN = (5**0.5 - 1) / 2

#: Number of rasters that are drawn from, at most, unless more windows are drawn: what is
#: kept of each would fill the memory where there are very many.
_RASTERS = 1000


class RandomWindowSampler(Sampler[PixelWindow]):
    """Draws windows of one size at random, around valid pixels.

    Every valid pixel of every raster is equally likely to be the anchor of a window,
    and the anchor is equally likely to be anywhere in it; windows that would leave the
    raster are moved inside, so borders are drawn as well. Successive windows are spread
    evenly over all rasters, so that some of them stand for all. Epochs differ; the same
    seed gives the same epochs. Rasters smaller than a window are left out. Of more than
    1000 rasters, 1000 are drawn from, or as many as there are windows, spread evenly over
    the area.
    """

    def __init__(
        self,
        dataset: Windows,
        size: int | tuple[int, int],
        length: int,
        seed: int = 0,
        balance: Literal['area', 'paths'] = 'area',
    ) -> None:
        """Initialize a new RandomWindowSampler instance.

        Args:
            dataset: Dataset to sample from.
            size: Height and width of each window in pixels, one number if they are the
                same.
            length: Number of windows per epoch.
            seed: Seed of the random numbers.
            balance: Whether all valid 'area' is equally likely, or all entries of the
                'paths' of the dataset.

        Raises:
            ValueError: If all rasters are smaller than a window, or no pixel is valid.
        """
        self.height, self.width = (size, size) if isinstance(size, int) else size
        if min(self.height, self.width, length) < 1:
            msg = f'size={size} and length={length} must be at least 1'
            raise ValueError(msg)
        if balance not in ('area', 'paths'):
            raise ValueError(f"balance={balance!r} must be 'area' or 'paths'")
        self.dataset = dataset
        self._leave_out_small()
        self.length = length
        self.rng = np.random.default_rng(seed)
        #: Numbers of the rasters that are drawn from, and their valid cells, packed.
        self.files: list[int] = []
        self.valids: list[_Cells] = []
        areas = []
        for file in self._some_files():
            cells = _Cells.of(dataset, file)
            if cells.count:
                self.files.append(file)
                self.valids.append(cells)
                areas.append(cells.count * cells.area)
        if not self.files:
            large = [f for i, f in enumerate(dataset.files) if i not in self.small]
            msg = f'{", ".join(large[:3])}: no pixel is valid in any raster; '
            msg += 'check nodata, or use another scene'
            raise ValueError(msg)
        shares = np.array(areas)
        if balance == 'paths':
            entries = np.array(dataset.entries)[self.files]
            shares = shares / np.bincount(entries, shares)[entries]
        #: Shares of the rasters, added up.
        self.cumulative = (shares / shares.sum()).cumsum()
        self.cumulative[-1] = 1

    def _some_files(self) -> list[int]:
        """Rasters to draw from: all, or of very many, some that stand for all."""
        large = [i for i in range(len(self.dataset.shapes)) if i not in self.small]
        count = max(_RASTERS, self.length)
        if len(large) <= count:
            return large
        # Every so many pixels, so that large rasters are as likely as they should be.
        areas = np.array([math.prod(self.dataset.shapes[i]) for i in large], float)
        places = (np.arange(count) + 0.5) / count * areas.sum()
        chosen = np.unique(np.searchsorted(areas.cumsum()[:-1], places, side='right'))
        return [large[i] for i in chosen]

    def _leave_out_small(self) -> None:
        """Find rasters that are smaller than a window."""
        files, shapes = self.dataset.files, self.dataset.shapes
        self.small = {
            i for i, (h, w) in enumerate(shapes) if h < self.height or w < self.width
        }
        if not self.small:
            return
        shown = f'a patch of {self.height} x {self.width} pixels'
        if len(self.small) == len(files):
            msg = (
                f'{files[0]} has {shapes[0][0]} x {shapes[0][1]} pixels, smaller than '
            )
            msg += f'{shown}; use a patch_size of at most {min(shapes[0])}'
            raise ValueError(msg)
        names = [files[i] for i in sorted(self.small)]
        msg = f'{len(names)} of {len(files)} scenes are smaller than {shown}: they are '
        msg += f'not trained on, but predicted ({some_of(names)})'
        warnings.warn(msg, DataWarning, stacklevel=4)

    def __len__(self) -> int:
        """Return the number of windows per epoch."""
        return self.length

    def __iter__(self) -> Iterator[PixelWindow]:
        """Draw the windows of an epoch.

        Yields:
            Windows that are their own core.
        """
        size = self.height, self.width
        # Multiples of the golden ratio leave no gaps, however many are drawn.
        steps = (self.rng.random() + np.arange(self.length) * _GOLDEN) % 1
        picks = np.searchsorted(self.cumulative, steps, side='right')
        shifts = self.rng.integers(0, size, (self.length, 2))
        shares = np.diff(self.cumulative, prepend=0)
        for pick, step, shift in zip(picks, steps, shifts, strict=True):
            file, cells = self.files[pick], self.valids[pick]
            inside = 1 - (self.cumulative[pick] - step) / shares[pick]
            anchor = cells.corner(int(inside * cells.count))
            limit = self.dataset.shapes[file]
            row, col = (
                int(min(max(a - s, 0), n - length))
                for a, s, n, length in zip(anchor, shift, limit, size, strict=True)
            )
            yield self._window(file, row, col)

    def spread(self, count: int) -> list[PixelWindow]:
        """Choose windows that stand for all rasters; nothing about them is random.

        Args:
            count: Number of windows at most.

        Returns:
            Windows of a grid over each raster, evenly spread over what is drawn.
        """
        size = np.array([self.height, self.width])
        starts, parts = [], []
        weights = np.diff(self.cumulative, prepend=0)
        for file, valid, weight in zip(self.files, self.valids, weights, strict=True):
            shape = np.array(self.dataset.shapes[file])
            steps = -(-shape // size)
            row, col = (valid.corners() * steps // shape).T
            cells, counts = np.unique(row * steps[1] + col, return_counts=True)
            # The grid reaches from border to border.
            grid = np.column_stack(np.divmod(cells, steps[1]))
            places = grid * (shape - size) // np.maximum(steps - 1, 1)
            starts.append(np.column_stack([np.full(len(cells), file), places]))
            parts.append(weight * counts / valid.count)
        every, shares = np.concatenate(starts), np.concatenate(parts)
        if len(every) > count:
            wanted = (np.arange(count) + 0.5) / count
            chosen = np.searchsorted(shares.cumsum()[:-1], wanted, side='right')
            every = every[np.unique(chosen)]
        return [self._window(*window) for window in every.tolist()]

    def _window(self, file: int, row: int, col: int) -> PixelWindow:
        size = self.height, self.width
        return PixelWindow(file, row, col, *size, row, col, *size)


class _Cells:
    """Which cells of a grid over a raster are valid, one bit each."""

    def __init__(self, valid: npt.NDArray[np.bool_], shape: tuple[int, int]) -> None:
        self.grid = valid.shape
        self.bits = np.packbits(valid)
        self.count = int(np.count_nonzero(valid))
        self.size = shape[0] / valid.shape[0], shape[1] / valid.shape[1]
        #: Pixels of a cell.
        self.area = self.size[0] * self.size[1]

    @classmethod
    def of(cls, dataset: Windows, file: int) -> '_Cells':
        shape = dataset.shapes[file]
        valid = dataset.validity(file)
        if not valid.any():
            valid = dataset.validity(file, max(shape))
        return cls(valid, shape)

    def _valid(self) -> npt.NDArray[np.int64]:
        cells = self.grid[0] * self.grid[1]
        return np.flatnonzero(np.unpackbits(self.bits, count=cells))

    def corner(self, index: int) -> tuple[int, int]:
        """First pixel of a valid cell."""
        cell = int(self._valid()[min(index, self.count - 1)])
        row, col = divmod(cell, self.grid[1])
        return int(row * self.size[0]), int(col * self.size[1])

    def corners(self) -> npt.NDArray[np.int64]:
        """First pixels of all valid cells, of shape ``(N, 2)``."""
        rows, cols = np.divmod(self._valid(), self.grid[1])
        pairs = np.stack([rows * self.size[0], cols * self.size[1]], 1)
        return pairs.astype(np.int64)


class GridWindowSampler(ShardedSampler):
    """Covers all rasters with tiles whose cores meet but do not overlap.

    Every pixel is in exactly one core. Around its core, a tile has a margin of context
    where the raster has one. Processes take turns.
    """

    def __init__(self, dataset: Windows, size: int, margin: int = 0) -> None:
        """Initialize a new GridWindowSampler instance.

        Args:
            dataset: Dataset to sample from.
            size: Height and width of the cores in pixels; multiples of 16 keep tiles
                in step with the grid of the mask network.
            margin: Width of the context on each side in pixels, likewise.

        Raises:
            ValueError: If *size* or *margin* is out of range.
        """
        if size < 1 or margin < 0:
            msg = f'size={size} must be at least 1 and margin={margin} at least 0'
            raise ValueError(msg)
        self.size, self.margin = size, margin
        self.shapes = dataset.shapes
        #: Tells whether a raster needs no tiles, when it is about to begin.
        self.is_finished: Callable[[int], bool] = lambda file: False
        self.skipped: frozenset[int] = frozenset()
        self._count()

    def _count(self) -> None:
        """Count the tiles: a list of all would grow with the rasters."""
        counts = [
            0 if file in self.skipped else math.prod(-(-n // self.size) for n in shape)
            for file, shape in enumerate(self.shapes)
        ]
        #: Number of tiles up to the end of each raster.
        self.totals = np.cumsum(counts, dtype=np.int64)

    def skip(self, files: Collection[int]) -> None:
        """Leave rasters out.

        Args:
            files: Numbers of the rasters.
        """
        self.skipped |= frozenset(files)
        self._count()

    def tile(self, number: int) -> PixelWindow:
        """Tell where a tile is.

        Args:
            number: Number of the tile among those of all processes, from 0.

        Returns:
            The tile with its core.
        """
        file = int(np.searchsorted(self.totals, number, side='right'))
        height, width = self.shapes[file]
        size, margin = self.size, self.margin
        before = int(self.totals[file - 1]) if file else 0
        core = [size * n for n in divmod(number - before, -(-width // size))]
        spans = []
        for start, length in zip(core, (height, width), strict=True):
            stop = min(start + size, length)
            first = max(start - margin, 0)
            spans.append((first, min(stop + margin, length) - first, stop - start))
        (row, rows, core_rows), (col, cols, core_cols) = spans
        place = row, col, rows, cols, core[0], core[1], core_rows, core_cols
        return PixelWindow(file, *place)

    def __len__(self) -> int:
        """Return the number of tiles in the share of this process."""
        return len(self._numbers())

    def _numbers(self) -> range:
        rank, world_size = rank_and_world_size()
        total = int(self.totals[-1]) if len(self.totals) else 0
        return range(rank, total, world_size)

    def __iter__(self) -> Iterator[PixelWindow]:
        """Iterate over the tiles, raster by raster, each in reading order.

        Yields:
            Windows with their cores, the share of this process.
        """
        last, finished = -1, False
        for number in self._numbers():
            window = self.tile(number)
            if window.file != last:
                last, finished = window.file, self.is_finished(window.file)
            if not finished:
                yield window
