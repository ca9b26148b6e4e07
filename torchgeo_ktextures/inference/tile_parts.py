# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Which pixels each of several overlapping tiles answers for."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import shapely

type _Ints = npt.NDArray[np.int64]
type _Mask = npt.NDArray[np.bool_]


class Rectangle(NamedTuple):
    """Part of a map in whole pixels."""

    row: int
    col: int
    height: int
    width: int


class TileParts:
    """Divides what tiles cover among them, so that each pixel belongs to one.

    A pixel belongs to the tile whose centre is nearest, in units of the size of the
    tile. So tiles of a regular grid meet in the middle of their overlap: what is
    cropped are their borders, where context is missing.
    """

    def __init__(self, tiles: _Ints, within: _Ints) -> None:
        """Initialize a new TileParts instance.

        Args:
            tiles: First row, first column, last row and last column (exclusive) of each
                tile, of shape ``(N, 4)``. Of two centres that are equally near, the
                later one wins.
            within: The part of each tile that may be used, likewise.
        """
        self.sizes = tiles[:, 2:] - tiles[:, :2]
        self.centers = tiles[:, 2:] + tiles[:, :2]  # times two, as whole numbers
        self.within = within
        top, left, bottom, right = within.T
        # Boxes that only touch share no pixel.
        self.boxes = shapely.box(left + 0.1, top + 0.1, right - 0.1, bottom - 0.1)
        self.tree = shapely.STRtree(self.boxes)

    def of(self, tile: int) -> list[Rectangle]:
        """Find the pixels that belong to a tile.

        Args:
            tile: Number of the tile.

        Returns:
            Rectangles that do not overlap; one in a regular grid.
        """
        core = self.within[tile].copy()
        if _is_empty(core):
            return []
        near = self.tree.query(self.boxes[tile], 'intersects').tolist()
        rest = [n for n in near if n != tile and not self._cut(core, tile, n)]
        if _is_empty(core):
            return []
        top, left, bottom, right = core.tolist()
        own = np.ones((bottom - top, right - left), bool)
        for other in rest:
            shared = self._shared(core, other)
            if not _is_empty(shared) and self._may_lose(tile, other, shared):
                first_row, first_col, last_row, last_col = shared.tolist()
                rows = np.arange(first_row, last_row)
                cols = np.arange(first_col, last_col)
                lost = self._loses(tile, other, rows, cols)
                own[
                    first_row - top : last_row - top, first_col - left : last_col - left
                ] &= ~lost
        return [r._replace(row=r.row + top, col=r.col + left) for r in rectangles(own)]

    def _cut(self, core: _Ints, tile: int, other: int) -> bool:
        """Cut a core in place where it meets a neighbour in the same row or column."""
        step = self.centers[other] - self.centers[tile]
        axes = np.flatnonzero(step)
        if len(axes) != 1 or (self.sizes[other] != self.sizes[tile]).any():
            return False
        axis = int(axes[0])
        first, last, span = axis, axis + 2, self.within[other]
        across = slice(1 - axis, None, 2)
        if span[across][0] > core[across][0] or span[across][1] < core[across][1]:
            return False  # the neighbour does not reach along the whole core
        middle = (self.centers[tile, axis] + self.centers[other, axis]) // 4
        if step[axis] > 0:
            if span[first] > middle or span[last] < core[last]:
                return False
            core[last] = min(core[last], middle)
        else:
            if span[last] < middle or span[first] > core[first]:
                return False
            core[first] = max(core[first], middle)
        return True

    def _shared(self, core: _Ints, other: int) -> _Ints:
        span = self.within[other]
        low, high = np.maximum(core[:2], span[:2]), np.minimum(core[2:], span[2:])
        return np.concatenate([low, high])

    def _may_lose(self, tile: int, other: int, shared: _Ints) -> bool:
        """Whether a tile may lose a pixel of a rectangle."""
        if (self.sizes[other] != self.sizes[tile]).any():
            return True
        # Half a plane is lost, so that a corner is if anything is.
        rows, cols = shared.reshape(2, 2).T - np.array([0, 1])
        return bool(self._loses(tile, other, rows, cols).any())

    def _loses(self, tile: int, other: int, rows: _Ints, cols: _Ints) -> _Mask:
        """Where the centre of another tile is nearer."""
        mine, theirs = (
            np.square((2 * rows + 1 - self.centers[n, 0]) / self.sizes[n, 0])[:, None]
            + np.square((2 * cols + 1 - self.centers[n, 1]) / self.sizes[n, 1])
            for n in (tile, other)
        )
        lost: _Mask = theirs <= mine if other > tile else theirs < mine
        return lost


def _is_empty(box: _Ints) -> bool:
    return bool((box[2:] <= box[:2]).any())


def rectangles(mask: _Mask) -> list[Rectangle]:
    """Cut a mask into rectangles.

    Args:
        mask: Mask of shape ``(H, W)``.

    Returns:
        Rectangles that cover what is true: of all rows that follow each other and are
        the same, one for each run of columns.
    """
    edges = np.flatnonzero((mask[1:] != mask[:-1]).any(1)) + 1
    found = []
    for top, bottom in zip([0, *edges], [*edges, len(mask)], strict=True):
        runs = np.flatnonzero(np.diff(mask[top], prepend=False, append=False))
        found += [
            Rectangle(int(top), int(left), int(bottom - top), int(right - left))
            for left, right in runs.reshape(-1, 2)
        ]
    return found
