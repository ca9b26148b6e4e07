# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What one pass over a raster tells, kept between runs."""

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..maps.output import complete_file

#: Height and width of the cells in which valid pixels are counted.
CELL = 64


class Survey(NamedTuple):
    """Valid pixels of a raster and the moments of its bands."""

    #: Height and width of the raster, of shape ``(2,)``.
    shape: npt.NDArray[np.int64]
    #: Number of valid pixels in each cell, of shape ``(ceil(H / 64), ceil(W / 64))``.
    cells: npt.NDArray[np.int64]
    #: Validity of the cells that are neither empty nor full, in reading order and one
    #: bit per pixel, of shape ``(N, 64 * 64 / 8)``.
    mixed: npt.NDArray[np.uint8]
    #: Sum of each band over the valid pixels, of shape ``(C,)``.
    sums: npt.NDArray[np.float64]
    #: Sum of squares of each band over the valid pixels, of shape ``(C,)``.
    squares: npt.NDArray[np.float64]

    @classmethod
    def of(
        cls,
        valid: npt.NDArray[np.bool_],
        sums: npt.NDArray[np.float64],
        squares: npt.NDArray[np.float64],
    ) -> 'Survey':
        """Summarize a raster.

        Args:
            valid: True where valid, of shape ``(H, W)``.
            sums: Sum of each band over the valid pixels, of shape ``(C,)``.
            squares: Sum of squares of each band over the valid pixels.

        Returns:
            The survey.
        """
        shape = np.array(valid.shape)
        rows, cols = -(-shape // CELL)
        padded = np.zeros((rows * CELL, cols * CELL), bool)
        padded[: shape[0], : shape[1]] = valid
        cells = padded.reshape(rows, CELL, cols, CELL).swapaxes(1, 2)
        counts = cells.sum((2, 3))
        mixed = cells[(counts > 0) & (counts < CELL * CELL)]
        bits = np.packbits(mixed.reshape(-1, CELL * CELL), axis=1)
        return cls(shape, counts, bits, sums, squares)

    def valid(
        self, row: int, col: int, height: int, width: int
    ) -> npt.NDArray[np.bool_]:
        """Validity of a part of the raster.

        Args:
            row: First row of the part.
            col: First column of the part.
            height: Height of the part.
            width: Width of the part.

        Returns:
            True where valid, of shape ``(height, width)``.
        """
        top, left = row // CELL, col // CELL
        bottom, right = (row + height - 1) // CELL + 1, (col + width - 1) // CELL + 1
        counts = self.cells[top:bottom, left:right]
        blocks = np.zeros((*counts.shape, CELL, CELL), bool)
        blocks[counts == CELL * CELL] = True
        is_mixed = (counts > 0) & (counts < CELL * CELL)
        if is_mixed.any():
            order = self._order()[top:bottom, left:right][is_mixed]
            bits = np.unpackbits(self.mixed[order], axis=1).astype(bool)
            blocks[is_mixed] = bits.reshape(-1, CELL, CELL)
        whole = blocks.swapaxes(1, 2).reshape(
            counts.shape[0] * CELL, counts.shape[1] * CELL
        )
        r, c = row - top * CELL, col - left * CELL
        return whole[r : r + height, c : c + width]

    def _order(self) -> npt.NDArray[np.int64]:
        """Place of each mixed cell among them."""
        mixed = (self.cells > 0) & (self.cells < CELL * CELL)
        return mixed.ravel().cumsum().reshape(mixed.shape) - 1


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


def survey_path(files: Iterable[str], rule: str) -> Path:
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


def load_survey(path: Path) -> Survey | None:
    """Load a survey.

    Args:
        path: See :func:`survey_path`.

    Returns:
        The survey, or None if there is none that can be read.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return Survey(*(arrays[name] for name in Survey._fields))
    except Exception:  # noqa: BLE001 - damaged files fail by anything
        return None


def save_survey(path: Path, survey: Survey) -> None:
    """Keep a survey, if the folder can be written to.

    Args:
        path: See :func:`survey_path`.
        survey: Survey to keep.
    """
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with complete_file(path, '.npz') as temporary:
            np.savez(temporary, **survey._asdict())
