# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Pixel-exact samplers of raster windows."""

import warnings
from collections.abc import Callable, Collection, Iterator
from typing import Literal

import numpy as np
from torch.utils.data import Sampler

from ..datasets import PixelWindow, Windows
from ..errors import DataWarning, some_of
from .sharding import ShardedSampler, rank_and_world_size

#: Fractional part of the golden ratio.
_GOLDEN = (5**0.5 - 1) / 2


class RandomWindowSampler(Sampler[PixelWindow]):
    """Draws windows of one size at random, around valid pixels.

    Every valid pixel of every raster is equally likely to be the anchor of a window,
    and the anchor is equally likely to be anywhere in it; windows that would leave the
    raster are moved inside, so borders are drawn as well. Successive windows are spread
    evenly over all rasters, so that some of them stand for all. Epochs differ; the same
    seed gives the same epochs. Rasters smaller than a window are left out.
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
        self.dataset = dataset
        self._leave_out_small()
        self.length = length
        self.rng = np.random.default_rng(seed)
        anchors, weights = [], []
        for file, (height, width) in enumerate(dataset.shapes):
            if file in self.small:
                continue
            valid = dataset.validity(file)
            if not valid.any():
                valid = dataset.validity(file, max(height, width))
            rows, cols = np.nonzero(valid)
            cell = np.array([height / valid.shape[0], width / valid.shape[1]])
            files = np.full(len(rows), file)
            anchors.append(
                np.stack([files, rows * cell[0], cols * cell[1]], 1).astype(int)
            )
            weights.append(np.full(len(rows), cell.prod()))
        self.anchors = np.concatenate(anchors)
        if not len(self.anchors):
            large = [f for i, f in enumerate(dataset.files) if i not in self.small]
            msg = f'{", ".join(large[:3])}: no pixel is valid in any raster; '
            msg += 'check nodata, or use another scene'
            raise ValueError(msg)
        probability = np.concatenate(weights)
        if balance == 'paths':
            entries = np.array(dataset.entries)[self.anchors[:, 0]]
            probability = probability / np.bincount(entries, probability)[entries]
        elif balance != 'area':
            raise ValueError(f"balance={balance!r} must be 'area' or 'paths'")
        self.cumulative = (probability / probability.sum()).cumsum()
        self.cumulative[-1] = 1

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
        steps = self.rng.random() + np.arange(self.length) * _GOLDEN
        picks = np.searchsorted(self.cumulative, steps % 1, side='right')
        shifts = self.rng.integers(0, size, (self.length, 2))
        for pick, shift in zip(picks, shifts, strict=True):
            file, *anchor = self.anchors[pick].tolist()
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
        shapes = np.array(self.dataset.shapes)
        size = np.array([self.height, self.width])
        steps = -(-shapes // size)
        files = np.repeat(np.arange(len(shapes)), steps.prod(1))
        first = np.searchsorted(files, np.arange(len(shapes)))
        # Numbers of the cells of all grids, file by file and row by row.
        file, anchors = self.anchors[:, 0], self.anchors[:, 1:]
        row, col = (anchors * steps[file] // shapes[file]).T
        number = first[file] + row * steps[file, 1] + col
        cells = np.unique(number)
        shares = np.bincount(number, np.diff(self.cumulative, prepend=0))[cells]
        if len(cells) > count:
            places = (np.arange(count) + 0.5) / count
            chosen = np.searchsorted(shares.cumsum()[:-1], places, side='right')
            cells = cells[np.unique(chosen)]
        file = files[cells]
        grid = np.column_stack(np.divmod(cells - first[file], steps[file, 1]))
        # The grid reaches from border to border.
        gaps = np.maximum(steps[file] - 1, 1)
        starts = grid * (shapes[file] - size) // gaps
        return [
            self._window(*window) for window in np.column_stack([file, starts]).tolist()
        ]

    def _window(self, file: int, row: int, col: int) -> PixelWindow:
        size = self.height, self.width
        return PixelWindow(file, row, col, *size, row, col, *size)


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
        self.windows: list[PixelWindow] = []
        #: Tells whether a raster needs no tiles, when it is about to begin.
        self.is_finished: Callable[[int], bool] = lambda file: False
        for file, (height, width) in enumerate(dataset.shapes):
            for core_row in range(0, height, size):
                for core_col in range(0, width, size):
                    core_height = min(size, height - core_row)
                    core_width = min(size, width - core_col)
                    row, col = max(core_row - margin, 0), max(core_col - margin, 0)
                    bottom = min(core_row + core_height + margin, height)
                    right = min(core_col + core_width + margin, width)
                    window = PixelWindow(
                        file,
                        row,
                        col,
                        bottom - row,
                        right - col,
                        core_row,
                        core_col,
                        core_height,
                        core_width,
                    )
                    self.windows.append(window)

    def skip(self, files: Collection[int]) -> None:
        """Leave rasters out.

        Args:
            files: Numbers of the rasters.
        """
        self.windows = [w for w in self.windows if w.file not in files]

    def __len__(self) -> int:
        """Return the number of tiles in the share of this process."""
        rank, world_size = rank_and_world_size()
        return len(range(rank, len(self.windows), world_size))

    def __iter__(self) -> Iterator[PixelWindow]:
        """Iterate over the tiles, raster by raster, each in reading order.

        Yields:
            Windows with their cores, the share of this process.
        """
        rank, world_size = rank_and_world_size()
        finished: dict[int, bool] = {}
        for window in self.windows[rank::world_size]:
            if window.file not in finished:
                finished[window.file] = self.is_finished(window.file)
            if not finished[window.file]:
                yield window
