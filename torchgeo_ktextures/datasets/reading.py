# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Reading rasters onto a pixel grid."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.transform import Affine
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

#: Largest distance between two grids that are the same, in pixels.
SNAP = 0.01


class Grid(NamedTuple):
    """Pixel grid of a raster or of a part of it."""

    transform: Affine
    height: int
    width: int

    def window_of(self, other: 'Grid') -> tuple[int, int] | None:
        """Find the place of another grid on this one.

        Args:
            other: Other grid in the same coordinate reference system.

        Returns:
            Row and column of its first pixel, which may be outside, or None if its
            pixels are not those of this grid.
        """
        a, b = self.transform, other.transform
        if any((a.b, a.d, b.b, b.d)):
            return None
        span = max(other.height, other.width)
        drift = max(abs(a.a - b.a) / abs(a.a), abs(a.e - b.e) / abs(a.e)) * span
        col, row = (b.c - a.c) / a.a, (b.f - a.f) / a.e
        if max(drift, abs(col - round(col)), abs(row - round(row))) > SNAP:
            return None
        return round(row), round(col)

    def part(self, row: int, col: int, height: int, width: int) -> 'Grid':
        """Cut out a part of the grid.

        Args:
            row: First row of the part.
            col: First column of the part.
            height: Height of the part.
            width: Width of the part.

        Returns:
            The part, which may reach beyond this grid.
        """
        t = self.transform
        x, y = t.a * col + t.b * row + t.c, t.d * col + t.e * row + t.f
        return Grid(Affine(t.a, t.b, x, t.d, t.e, y), height, width)


def grid_of(src: DatasetReader) -> Grid:
    """Grid of an open raster."""
    return Grid(src.transform, src.height, src.width)


def read_grid(
    src: DatasetReader,
    indexes: Sequence[int],
    grid: Grid,
    crs: CRS | None = None,
    resampling: Resampling = Resampling.nearest,
) -> npt.NDArray[Any]:
    """Read bands on a grid; zero outside the raster.

    Args:
        src: Open raster.
        indexes: 1-based indexes of the bands.
        grid: Grid to read on.
        crs: Coordinate reference system of the grid (defaults to that of the raster).
        resampling: How to resample when the pixels of the grid are not those of the
            raster.

    Returns:
        Bands of shape ``(C, H, W)``.
    """
    place = grid_of(src).window_of(grid) if crs is None or crs == src.crs else None
    if place is None:
        with WarpedVRT(
            src,
            crs=crs or src.crs,
            transform=grid.transform,
            height=grid.height,
            width=grid.width,
            resampling=resampling,
            src_nodata=0,
            nodata=0,
        ) as vrt:
            warped: npt.NDArray[Any] = vrt.read(list(indexes))
        return warped
    row, col = place
    top, left = max(row, 0), max(col, 0)
    bottom = min(row + grid.height, src.height)
    right = min(col + grid.width, src.width)
    window = Window(left, top, right - left, bottom - top)
    if (window.height, window.width) == (grid.height, grid.width):
        inside: npt.NDArray[Any] = src.read(list(indexes), window=window)
        return inside
    shape = (len(indexes), grid.height, grid.width)
    data: npt.NDArray[Any] = np.zeros(shape, src.dtypes[indexes[0] - 1])
    if bottom > top and right > left:
        part = data[:, top - row : bottom - row, left - col : right - col]
        part[:] = src.read(list(indexes), window=window)
    return data


def tiles(src: DatasetReader, size: int = 512) -> Iterator[Grid]:
    """Divide a raster into parts of whole blocks, from the middle outwards.

    Args:
        src: Open raster.
        size: Height and width of the parts at least.

    Yields:
        Grids that cover the raster.
    """
    block_height, block_width = src.block_shapes[0]
    height = block_height * -(-size // block_height)
    width = block_width * -(-size // block_width)
    corners = [
        (row, col)
        for row in range(0, src.height, height)
        for col in range(0, src.width, width)
    ]
    middle = (src.height - height) / 2, (src.width - width) / 2
    corners.sort(key=lambda c: abs(c[0] - middle[0]) + abs(c[1] - middle[1]))
    for row, col in corners:
        yield grid_of(src).part(
            row, col, min(height, src.height - row), min(width, src.width - col)
        )


def is_truncated(src: DatasetReader, size: int) -> bool:
    """Whether blocks of a TIFF lie beyond its end.

    Args:
        src: Open raster.
        size: Size of the file in bytes.

    Returns:
        True if a block does.
    """
    if src.driver != 'GTiff':
        return False
    height, width = src.block_shapes[0]
    rows, cols = -(-src.height // height), -(-src.width // width)
    bands = 1 if src.interleaving and src.interleaving.name == 'pixel' else src.count
    for band in range(1, bands + 1):
        for row in range(rows):
            for col in range(cols):
                where = f'{col}_{row}'
                offset = src.get_tag_item(f'BLOCK_OFFSET_{where}', 'TIFF', bidx=band)
                if offset is None:
                    continue  # sparse: nothing was written
                length = src.get_tag_item(f'BLOCK_SIZE_{where}', 'TIFF', bidx=band)
                if int(offset) + int(length or 0) > size:
                    return True
    return False
