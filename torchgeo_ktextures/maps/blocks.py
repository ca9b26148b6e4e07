# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Splitting a map by spatial block."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rasterio.io import DatasetReader
from rasterio.windows import Window

from .reading import read_part

#: Splits in the order of their numbers.
SPLITS = ('train', 'val', 'test')

#: Number of random splits of which the most balanced one is taken.
_TRIALS = 500

#: Number of blocks below which they are made smaller.
_FEW_BLOCKS = 20


@dataclass(frozen=True)
class Blocks:
    """Rectangular parts of a map, each in one split."""

    #: First rows and columns of blocks, and the end.
    rows: npt.NDArray[np.int64]
    cols: npt.NDArray[np.int64]
    #: Number of the split of each block, of shape ``(rows, cols)``.
    splits: npt.NDArray[np.int64]

    def split_of(
        self, rows: npt.NDArray[np.int64], cols: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """Split that pixels are in.

        Args:
            rows: Rows of pixels.
            cols: Columns of pixels.

        Returns:
            Numbers of splits.
        """
        row = np.searchsorted(self.rows, rows, 'right') - 1
        col = np.searchsorted(self.cols, cols, 'right') - 1
        found: npt.NDArray[np.int64] = self.splits[row, col]
        return found

    def windows(self, split: int) -> list[Window]:
        """Blocks of a split.

        Args:
            split: Number of the split.

        Returns:
            Windows of the map in reading order.
        """
        return [
            Window(
                int(self.cols[j]),
                int(self.rows[i]),
                int(self.cols[j + 1] - self.cols[j]),
                int(self.rows[i + 1] - self.rows[i]),
            )
            for i, j in np.argwhere(self.splits == split)
        ]


def split_blocks(
    src: DatasetReader,
    num_classes: int,
    size: int,
    val_split: float,
    test_split: float,
    seed: int,
) -> Blocks:
    """Divide a map into blocks, and share them out among training, validation and test.

    Of many random splits, the one is taken whose splits have the most similar shares of
    the classes, so that a rare class is in each of them if it is in enough blocks.

    Args:
        src: Open map.
        num_classes: Number of classes.
        size: Height and width of the blocks in pixels at least.
        val_split: Share of the labelled blocks for validation.
        test_split: Share of the labelled blocks for testing.
        seed: Seed of the choice.

    Returns:
        Blocks; those without a labelled pixel are of no split (-1).

    Raises:
        ValueError: If there are too few blocks, or shares are out of range.
    """
    if not (val_split >= 0 and test_split >= 0 and val_split + test_split < 1):
        msg = f'val_split={val_split} and test_split={test_split} must be at least 0 '
        msg += 'and below 1 together'
        raise ValueError(msg)
    rows, cols = (
        np.linspace(0, extent, max(extent // size, 1) + 1).round().astype(np.int64)
        for extent in src.shape
    )
    splits = np.full((len(rows) - 1, len(cols) - 1), -1)
    blocks = Blocks(rows, cols, splits)
    counts = np.array(
        [
            np.bincount(read_part(src, w).ravel(), minlength=65536)[:num_classes]
            for w in blocks.windows(-1)
        ]
    )
    labelled = np.flatnonzero(counts.sum(1))
    if not len(labelled):
        msg = f'{src.name} has no labelled pixel; keep more classes, or lower '
        raise ValueError(msg + 'min_confidence')
    held = [
        max(1, round(share * len(labelled))) if share else 0
        for share in (val_split, test_split)
    ]
    if sum(held) >= len(labelled):
        msg = f'{src.name} has {len(labelled)} labelled blocks of {size} pixels to '
        msg += f'hold out {sum(held)} of, so a split would be empty; use a smaller '
        msg += 'block_size (and chip_size), or set val_split or test_split to 0'
        raise ValueError(msg)
    splits.flat[labelled] = _balanced(counts[labelled], held, seed)
    return blocks


def check_sizes(src: DatasetReader, chip_size: int, block_size: int) -> None:
    """Check that chips fit into blocks, and blocks into a map.

    Args:
        src: Open map.
        chip_size: Height and width of chips in pixels.
        block_size: Height and width of blocks in pixels.

    Raises:
        ValueError: If they do not.
    """
    if not 1 <= chip_size <= min(block_size, *src.shape):
        msg = f'chip_size={chip_size} must be from 1 to block_size={block_size} and to '
        msg += f'the {min(src.shape)} pixels of the shorter side of {src.name}'
        raise ValueError(msg)


def default_block_size(src: DatasetReader, chip_size: int) -> int:
    """Choose the size of blocks: four chips, or less in a map of few chips.

    Args:
        src: Open map.
        chip_size: Height and width of chips in pixels.

    Returns:
        Four, two or one times the size of a chip.
    """
    for times in (4, 2):
        size = times * chip_size
        if (src.height // size) * (src.width // size) >= _FEW_BLOCKS:
            return size
    return chip_size


def _balanced(
    counts: npt.NDArray[np.int64], held: list[int], seed: int
) -> npt.NDArray[np.int64]:
    sizes = [len(counts) - sum(held), *held]
    splits = np.repeat(np.arange(len(sizes)), sizes)
    target = np.array(sizes)[:, None] / len(counts)
    total = counts.sum(0).clip(1)
    rng = np.random.default_rng(seed)
    best, lowest = splits, np.inf
    for _ in range(_TRIALS):
        trial = rng.permutation(splits)
        # Share of each class in each split, which would best be the share of blocks.
        shares = np.array(
            [counts[trial == s].sum(0) / total for s in range(len(sizes))]
        )
        cost = float(((shares - target) ** 2).sum())
        if cost < lowest:
            best, lowest = trial, cost
    return best
