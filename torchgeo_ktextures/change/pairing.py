# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Which classes of two maps are the same."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

type _Array = npt.NDArray[np.float64]


class Pair(NamedTuple):
    """Two classes that are the same, by their places in a table."""

    first: int
    second: int
    #: How much of both together they share, 0 to 1, or how far apart they are, in
    #: standard deviations.
    score: float


def pair_by_overlap(counts: npt.ArrayLike) -> list[Pair]:
    """Pair classes that are in the same places.

    The Hungarian method finds the pairs of the largest sum of intersections over
    unions. Pairs that share no more than chance would have it are none.

    If you use this function in your research, please cite the following paper:

    * https://doi.org/10.1002/nav.3800020109 (Kuhn, 1955)

    Args:
        counts: Number of pixels of each class of the first map, by row, in each class
            of the second.

    Returns:
        Pairs, in the order of the second.
    """
    shared = np.asarray(counts, np.float64)
    total = shared.sum()
    if not total:
        return []
    rows, cols = shared.sum(1)[:, None], shared.sum(0)
    by_chance = rows * cols / total
    union = rows + cols - shared
    score = shared / np.where(union > 0, union, 1)
    expected = by_chance / np.maximum(rows + cols - by_chance, 1)
    return _pairs(score, score > expected, maximize=True)


def pair_by_spectra(first: _Array, second: _Array, std: _Array) -> list[Pair]:
    """Pair classes of like spectra.

    The Hungarian method finds the pairs of the smallest sum of distances. Classes
    that are farther apart than the first one is from another class of its own map are no
    pair.

    Args:
        first: Mean bands of classes of the first map, of shape ``(n, C)``.
        second: Mean bands of classes of the second map, of shape ``(m, C)``.
        std: Standard deviation of each band within classes, of shape ``(C,)``.

    Returns:
        Pairs, in the order of the second.
    """
    own, distance = (_distances(first, other, std) for other in (first, second))
    np.fill_diagonal(own, np.inf)
    nearest = own.min(1, initial=np.inf)
    return _pairs(distance, distance < nearest[:, None], maximize=False)


def _distances(first: _Array, second: _Array, std: _Array) -> _Array:
    difference = (first[:, None] - second) / np.where(std > 0, std, 1)
    distances: _Array = np.sqrt((difference**2).mean(2))
    return distances


def _pairs(
    score: _Array, possible: npt.NDArray[np.bool_], maximize: bool
) -> list[Pair]:
    rows, cols = linear_sum_assignment(score, maximize=maximize)
    found = [
        Pair(int(i), int(j), float(score[i, j]))
        for i, j in zip(rows, cols, strict=True)
        if possible[i, j]
    ]
    return sorted(found, key=lambda pair: pair.second)
