# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Places of one scene that are looked up in others."""

import os
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch
from rasterio.crs import CRS
from rasterio.transform import Affine
from rasterio.warp import transform as to_crs

from ..datasets import PixelWindow, Windows
from ..datasets.reading import Grid

type _Array = npt.NDArray[np.float64]
type _Pixels = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]

#: Width in pixels of a place. Its mean hardly changes if dates are shifted against each
#: other by a part of a pixel.
CELL = 3

#: Width of a patch of places, in pixels.
_PATCH = 16 * CELL

#: Rows and columns of patches, at most, which are spread evenly: what is read of a scene
#: does not grow with it.
_PATCHES = 8


class Places(NamedTuple):
    """Patches of a scene, with the mean bands of their places."""

    #: Name of the scene.
    name: str
    grid: Grid
    crs: CRS | None
    #: First row and column of each patch, of shape ``(P, 2)``.
    corners: npt.NDArray[np.int64]
    #: Mean bands of places, NaN where one is not all valid, of shape ``(P, C, h, w)``.
    means: npt.NDArray[np.float32]

    @classmethod
    def of(cls, dataset: Windows, file: int) -> Self:
        """Take places of a scene.

        Args:
            dataset: Scenes, with bands as they are in their files.
            file: Number of the scene.

        Returns:
            Its places.
        """
        height, width = dataset.shapes[file]
        h, w = _side(height), _side(width)
        rows, cols = (
            np.linspace(0, n // m - 1, min(max(n // m, 1), _PATCHES)).round() * m
            for n, m in ((height, h), (width, w))
        )
        corners = np.array([(r, c) for r in rows for c in cols], np.int64)
        windows = [_read(dataset, file, r, c, h, w) for r, c in corners.tolist()]
        means = np.stack([_cells(window) for window in windows if window is not None])
        name = os.path.basename(dataset.files[file])
        return cls(name, *dataset.grid(file), corners, means)

    @property
    def bands(self) -> _Array:
        """Mean bands of all places, of shape ``(N, C)``."""
        return _rows(self.means)

    @property
    def halves(self) -> npt.NDArray[np.bool_]:
        """Divides the places into two halves, in parts of eight, of shape ``(N,)``."""
        _, _, h, w = self.means.shape
        # As on a board of chess: neighbours are alike.
        here = (np.arange(h) * CELL)[:, None], (np.arange(w) * CELL)[None]
        parts = [
            (corner[:, None, None] + offset) // (8 * CELL)
            for corner, offset in zip(self.corners.T, here, strict=True)
        ]
        board: npt.NDArray[np.bool_] = (parts[0] + parts[1]).ravel() % 2 == 0
        return board

    def look_up(self, dataset: Windows, file: int) -> _Array:
        """Find the mean bands of the places in another scene.

        Args:
            dataset: Scenes, with bands as they are in their files.
            file: Number of the scene.

        Returns:
            Bands of shape ``(N, C)``, NaN where the scene is not valid.

        Raises:
            ValueError: If there is no telling where the places are.
        """
        grid, crs = dataset.grid(file)
        if (crs is None) != (self.crs is None):
            name = dataset.files[file] if crs is None else self.name
            other = self.name if crs is None else dataset.files[file]
            msg = f'{name} has no georeference, but {other} has; give both one, or '
            raise ValueError(f"{msg}use normalize='scene'")
        if crs is None and grid != self.grid:
            msg = f'{dataset.files[file]} has {grid.height} x {grid.width} pixels, but '
            msg += f'{self.name} has {self.grid.height} x {self.grid.width}; without '
            msg += 'georeference, dates need the same pixels'
            raise ValueError(msg)
        shift = None
        if crs == self.crs:
            shift = grid.window_of(self.grid)
        h, w = (CELL * n for n in self.means.shape[-2:])
        found = []
        for row, col in self.corners.tolist():
            if shift is not None:
                row, col = row + shift[0], col + shift[1]
                window = _read(dataset, file, row, col, h, w)
            else:
                rows, cols = self._pixels(grid, crs, row, col, h, w)
                window = _gather(dataset, file, rows, cols)
            none = np.full(self.means.shape[1:], np.nan, np.float32)
            found.append(none if window is None else _cells(window))
        return _rows(np.stack(found))

    def _pixels(
        self, grid: Grid, crs: CRS | None, row: int, col: int, h: int, w: int
    ) -> _Pixels:
        """Rows and columns in another scene of the pixels of a patch."""
        cols, rows = np.meshgrid(col + np.arange(w) + 0.5, row + np.arange(h) + 0.5)
        x, y = self.grid.transform @ (cols.ravel(), rows.ravel())
        if crs != self.crs:
            x, y = (np.array(v) for v in to_crs(self.crs, crs, x, y))
        cols, rows = ~grid.transform @ (x, y)
        far = ~np.isfinite(cols) | ~np.isfinite(rows)
        cols, rows = (np.where(far, -1, v).reshape(h, w) for v in (cols, rows))
        return np.floor(rows).astype(np.intp), np.floor(cols).astype(np.intp)

    def state(self) -> dict[str, Any]:
        """What goes into a checkpoint: nothing but numbers and texts."""
        return {
            'name': self.name,
            'grid': [list(self.grid.transform)[:6], self.grid.height, self.grid.width],
            'crs': None if self.crs is None else self.crs.to_wkt(),
            'corners': self.corners.tolist(),
            'means': torch.from_numpy(self.means),
        }

    @classmethod
    def of_state(cls, state: dict[str, Any]) -> Self:
        """Read what :meth:`state` has written.

        Args:
            state: State of a checkpoint.

        Returns:
            The places.
        """
        transform, height, width = state['grid']
        crs = state['crs']
        return cls(
            state['name'],
            Grid(Affine(*transform), height, width),
            None if crs is None else CRS.from_wkt(crs),
            np.array(state['corners'], np.int64),
            state['means'].cpu().numpy(),
        )


def _side(length: int) -> int:
    """Height or width of a patch of a scene."""
    return max(min(_PATCH, length // CELL * CELL), CELL)


def _read(
    dataset: Windows, file: int, row: int, col: int, height: int, width: int
) -> npt.NDArray[np.float32] | None:
    """Bands of a window, NaN where invalid and outside; None if all of it is outside."""
    top, left = max(row, 0), max(col, 0)
    bottom = min(row + height, dataset.shapes[file][0])
    right = min(col + width, dataset.shapes[file][1])
    if bottom <= top or right <= left:
        return None
    place = top, left, bottom - top, right - left
    sample = dataset[PixelWindow(file, *place, *place)]
    image, valid = sample['image'].numpy(), sample['mask_valid'][0].numpy() > 0
    whole = np.full((len(image), height, width), np.nan, np.float32)
    part = whole[:, top - row : bottom - row, left - col : right - col]
    part[:] = np.where(valid, image, np.nan)
    return whole


def _gather(
    dataset: Windows, file: int, rows: npt.NDArray[np.intp], cols: npt.NDArray[np.intp]
) -> npt.NDArray[np.float32] | None:
    """Bands of pixels, NaN where invalid and outside; None if all are outside."""
    height, width = dataset.shapes[file]
    inside = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
    if not inside.any():
        return None
    top, left = int(rows[inside].min()), int(cols[inside].min())
    bottom, right = int(rows[inside].max()) + 1, int(cols[inside].max()) + 1
    window = _read(dataset, file, top, left, bottom - top, right - left)
    assert window is not None
    near = np.where(inside, rows, top) - top, np.where(inside, cols, left) - left
    return np.where(inside, window[:, *near], np.nan)


def _cells(window: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    bands, height, width = window.shape
    cells = window.reshape(bands, height // CELL, CELL, width // CELL, CELL)
    means: npt.NDArray[np.float32] = cells.mean((2, 4), np.float64).astype(np.float32)
    return means


def _rows(means: npt.NDArray[np.float32]) -> _Array:
    rows = np.moveaxis(means, 1, -1).reshape(-1, means.shape[1])
    return rows.astype(np.float64)
