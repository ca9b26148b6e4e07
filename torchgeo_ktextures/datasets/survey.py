# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What one pass over a raster tells, kept between runs."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

#: Height and width of the cells in which valid pixels are counted.
CELL = 64


class Survey(NamedTuple):
    """Valid pixels of a raster and the moments of its bands."""

    #: Number of valid pixels in each cell, of shape ``(ceil(H / 64), ceil(W / 64))``.
    cells: npt.NDArray[np.int64]
    #: Sum of each band over the valid pixels, of shape ``(C,)``.
    sums: npt.NDArray[np.float64]
    #: Sum of squares of each band over the valid pixels, of shape ``(C,)``.
    squares: npt.NDArray[np.float64]

    @classmethod
    def empty(cls, height: int, width: int, bands: int) -> 'Survey':
        """Begin a survey of a raster."""
        cells = np.zeros((-(-height // CELL), -(-width // CELL)), np.int64)
        return cls(cells, np.zeros(bands), np.zeros(bands))

    def add(
        self, row: int, col: int, data: npt.NDArray[Any], valid: npt.NDArray[np.bool_]
    ) -> None:
        """Add a part of the raster.

        Args:
            row: First row of the part.
            col: First column of the part.
            data: Bands of shape ``(C, h, w)``.
            valid: True where valid, of shape ``(h, w)``.
        """
        rows, cols = (
            np.arange(start, start + n) // CELL
            for start, n in zip((row, col), valid.shape, strict=True)
        )
        row_ids, row_starts = np.unique(rows, return_index=True)
        col_ids, col_starts = np.unique(cols, return_index=True)
        counts = np.add.reduceat(valid.astype(np.int64), row_starts, axis=0)
        self.cells[np.ix_(row_ids, col_ids)] += np.add.reduceat(
            counts, col_starts, axis=1
        )
        for i, band in enumerate(data):
            values = band[valid].astype(np.float64)
            self.sums[i] += values.sum()
            self.squares[i] += values @ values


def combine(
    surveys: Iterable[Survey],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """Mean and standard deviation of the bands of several rasters.

    Args:
        surveys: A survey of each.

    Returns:
        Mean and standard deviation of shape ``(C,)``, or None if no pixel is valid.
    """
    total, sums, squares = 0, np.zeros(1), np.zeros(1)
    for survey in surveys:
        total += int(survey.cells.sum())
        sums, squares = sums + survey.sums, squares + survey.squares
    if not total:
        return None
    mean = sums / total
    return mean, np.sqrt(np.maximum(squares / total - mean**2, 0))


def cache_path(files: Iterable[str], rule: str) -> Path:
    """Where the survey of a raster is kept.

    The name depends on the paths, sizes and times of change of the files, so that a
    file that changed is surveyed again.

    Args:
        files: The raster and its masks.
        rule: What else decides which pixels are valid.

    Returns:
        A path in ``$XDG_CACHE_HOME/torchgeo_ktextures``, by default in ``~/.cache``.
    """
    parts = [rule]
    for file in files:
        stat = os.stat(file) if os.path.exists(file) else None
        parts.append(os.path.abspath(file) if stat else file)
        parts.append(f'{stat.st_size} {stat.st_mtime_ns}' if stat else '')
    digest = hashlib.sha256('\n'.join(parts).encode()).hexdigest()[:32]
    root = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    return Path(root) / 'torchgeo_ktextures' / f'survey-{digest}.npz'


def load(path: Path) -> Survey | None:
    """Load a survey.

    Args:
        path: See :func:`cache_path`.

    Returns:
        The survey, or None if there is none that can be read.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return Survey(arrays['cells'], arrays['sums'], arrays['squares'])
    except (OSError, ValueError, KeyError, EOFError):
        return None


def save(path: Path, survey: Survey) -> None:
    """Keep a survey, if the folder can be written to.

    Args:
        path: See :func:`cache_path`.
        survey: Survey to keep.
    """
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.npz')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(temporary, **survey._asdict())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
