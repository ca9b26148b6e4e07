# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Windows of dask arrays, read block by block."""

from collections import OrderedDict
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

#: Rows or columns: a range, or numbers in ascending order.
type Index = slice | npt.NDArray[np.intp]


class BlockCache:
    """Blocks that were read last, of one or more arrays."""

    def __init__(self, limit: int = 2**28) -> None:
        """Initialize a new BlockCache instance.

        Args:
            limit: Number of bytes at most.
        """
        self.limit = limit
        self.size = 0
        self._blocks: OrderedDict[tuple[int, int, int], npt.NDArray[Any]]
        self._blocks = OrderedDict()

    def get(
        self, key: tuple[int, int, int], read: Callable[[], npt.NDArray[Any]]
    ) -> npt.NDArray[Any]:
        """Take a block out of the cache, or read it.

        Args:
            key: What tells the block from others.
            read: Reads the block.

        Returns:
            The block.
        """
        if key in self._blocks:
            self._blocks.move_to_end(key)
            return self._blocks[key]
        block = self._blocks[key] = read()
        self.size += block.nbytes
        while self.size > self.limit and len(self._blocks) > 1:
            self.size -= self._blocks.popitem(last=False)[1].nbytes
        return block


class DaskBlocks:
    """A dask array of shape (C, H, W), of which windows are read.

    Patches that are drawn at random meet the same blocks again and again: the last ones
    are kept, in the type of the array.
    """

    def __init__(self, array: Any, cache: BlockCache) -> None:
        """Initialize a new DaskBlocks instance.

        Args:
            array: Array of dask.
            cache: Cache, which arrays may share.

        Raises:
            ValueError: If the array does not know its shape.
        """
        if any(np.isnan(n) for n in array.shape):
            msg = f'a dask array has shape {array.shape}, which is not known yet; call '
            raise ValueError(msg + 'compute_chunk_sizes() first')
        self.array = array
        self.cache = cache
        self.shape: tuple[int, ...] = array.shape
        #: Whether blocks are masked arrays; they are filled with NaN.
        self.masked = isinstance(array._meta, np.ma.MaskedArray)
        self.dtype = np.dtype(float) if self.masked else array.dtype

    def read(self, rows: Index, cols: Index) -> npt.NDArray[Any]:
        """Read a window.

        Args:
            rows: Rows.
            cols: Columns.

        Returns:
            Numbers of shape ``(C, h, w)``.
        """
        if not (isinstance(rows, slice) and isinstance(cols, slice)):
            return self._compute(self.array[:, rows][:, :, cols])
        shape = (self.shape[0], rows.stop - rows.start, cols.stop - cols.start)
        window = np.empty(shape, self.dtype)
        for i, top, (r0, r1) in _blocks(self.array.chunks[1], rows):
            for j, left, (c0, c1) in _blocks(self.array.chunks[2], cols):
                part = window[
                    :,
                    r0 - rows.start : r1 - rows.start,
                    c0 - cols.start : c1 - cols.start,
                ]
                size = self.array.chunks[1][i] * self.array.chunks[2][j]
                if size * self.shape[0] * self.dtype.itemsize > self.cache.limit // 4:
                    part[:] = self._compute(self.array[:, r0:r1, c0:c1])
                    continue
                block = self._block(i, j)
                part[:] = block[:, r0 - top : r1 - top, c0 - left : c1 - left]
        return window

    def _block(self, i: int, j: int) -> npt.NDArray[Any]:
        return self.cache.get(
            (id(self), i, j), lambda: self._compute(self.array.blocks[:, i, j])
        )

    def _compute(self, array: Any) -> npt.NDArray[Any]:
        found = array.compute()
        if self.masked:
            found = np.ma.filled(found.astype(float), np.nan)
        return np.asarray(found, self.dtype)


def _blocks(
    sizes: tuple[int, ...], wanted: slice
) -> list[tuple[int, int, tuple[int, int]]]:
    """Number and first pixel of each block that is met, and the part that is met."""
    edges = np.cumsum([0, *sizes]).tolist()
    return [
        (i, start, (max(start, wanted.start), min(stop, wanted.stop)))
        for i, (start, stop) in enumerate(pairwise(edges))
        if start < wanted.stop and wanted.start < stop
    ]
