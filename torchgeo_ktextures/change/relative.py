# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Relative normalization: dates of a place in the radiometry of one of them."""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rasterio.transform import array_bounds
from rasterio.warp import transform_bounds
from shapely import box

from ..datasets import Windows
from ..datasets.gains import Gains
from ..errors import DataWarning
from ..outliers import robust_moments
from .mad import irmad
from .places import Places
from .regression import orthogonal_regression

type _Array = npt.NDArray[np.float64]

#: Number of places that dates need to share, for each band.
_LEAST = 20

#: Disagreement of two halves of the places, in standard deviations, up to which lines
#: are trusted whatever. On dates that were made of one scene it is 0.02 at most, and on
#: fields in different seasons 0.2 to 3.
_AGREED = 0.1

#: Probability of no change above which a place counts as unchanged.
_UNCHANGED = 0.05


class Match(NamedTuple):
    """How a scene is brought to the radiometry of another one."""

    gains: Gains
    #: Share of the shared places that have not changed, or None if lines are not those
    #: of such places, but of mean and standard deviation.
    invariant: float | None


def choose_reference(dataset: Windows) -> int:
    """Choose the scene that others are brought to.

    Of the scenes that cover the most of the others, it is the one whose mean and
    standard deviation of bands are nearest to those of all; of two, the one of more
    contrast.

    Args:
        dataset: Scenes.

    Returns:
        Its number. The first, if no scene has a valid pixel.
    """
    known = [i for i in range(len(dataset)) if dataset.validity(i).any()]
    if len(known) < 2:
        return known[0] if known else 0
    mean, std = np.array([dataset.moments(i) for i in known]).swapaxes(0, 1)
    spread = np.log(std)
    shift = abs(mean[:, None] - mean) / std.mean(0)
    cost = (shift + abs(spread[:, None] - spread)).mean(2).sum(1)
    covered = [sum(_covered(dataset, i, j) for j in known) for i in known]
    # Costs of two scenes are the same, but for rounding.
    best = min(
        range(len(known)),
        key=lambda i: (
            *(-round(covered[i], 1), round(cost[i], 6)),
            -float(spread[i].sum()),
        ),
    )
    return known[best]


def _covered(dataset: Windows, one: int, two: int) -> float:
    """Share of a scene that another one covers, 0 to 1, by their bounds."""
    (grid, crs), (other, other_crs) = dataset.grid(one), dataset.grid(two)
    if crs is None or other_crs is None:
        return float(grid == other)
    bounds = array_bounds(other.height, other.width, other.transform)
    if crs != other_crs:
        bounds = transform_bounds(other_crs, crs, *bounds)
    here = box(*array_bounds(grid.height, grid.width, grid.transform))
    there = box(*bounds)
    return float(here.intersection(there).area / there.area) if there.area else 0.0


def match_scene(dataset: Windows, file: int, reference: Places) -> Match:
    """Find what brings a scene to the radiometry of another one.

    Lines are fitted to places without change. Where so much has changed that two halves
    of the places disagree on such lines, and less on mean and standard deviation, as of
    fields in other seasons, these are what is matched.

    Args:
        dataset: Scenes, with bands as they are in their files.
        file: Number of the scene.
        reference: Places of the other one.

    Returns:
        Lines, and how much has not changed.

    Raises:
        ValueError: If the scenes do not overlap.

    Warns:
        DataWarning: If the scene has no valid pixel, or too much has changed.
    """
    name = dataset.files[file]
    x, y = reference.look_up(dataset, file), reference.bands
    bands = y.shape[1]
    shared = np.isfinite(x).all(1) & np.isfinite(y).all(1)
    if shared.sum() < _LEAST * bands:
        if not dataset.validity(file).any():
            msg = f'{name} has no valid pixel: nothing is known of this date'
            warnings.warn(msg, DataWarning, stacklevel=2)
            return Match(Gains(np.ones(bands), np.zeros(bands)), None)
        msg = f'{name} and {reference.name} do not overlap, or share only '
        msg += f'{int(shared.sum())} valid places, of which {_LEAST * bands} are '
        msg += "needed to compare dates; use normalize='scene', or segment each place "
        raise ValueError(msg + 'for itself')
    x, y, halves = x[shared], y[shared], reference.halves[shared]
    gains, invariant = _lines(x, y)
    parts = [half for half in (halves, ~halves) if half.sum() >= _LEAST * bands // 2]
    if len(parts) == 2:
        by_places = [_lines(x[half], y[half])[0] for half in parts]
        by_moments = [_moments(x[half], y[half]) for half in parts]
        trusted = max(_AGREED, _distance(by_moments, x, y))
        if not _distance(by_places, x, y) <= trusted:  # or not a number
            msg = f'{name} and {reference.name}: too little is unchanged to compare '
            msg += 'the light of these dates, as of fields in other seasons; mean and '
            msg += 'standard deviation of the shared area are matched instead'
            warnings.warn(msg, DataWarning, stacklevel=2)
            return Match(_moments(x, y), None)
    return Match(gains, invariant)


def _lines(x: _Array, y: _Array) -> tuple[Gains, float]:
    """Lines of places without change, and their share."""
    weights = irmad(x, y).weights
    if not weights.sum() > 0:
        return Gains(*np.full((2, x.shape[1]), np.nan)), 0.0
    share = float((weights > _UNCHANGED).mean())
    return Gains(*orthogonal_regression(x, y, weights)), share


def _moments(x: _Array, y: _Array) -> Gains:
    """Lines that match mean and standard deviation."""
    (mean_x, std_x), (mean_y, std_y) = robust_moments(x), robust_moments(y)
    gain = std_y / std_x
    return Gains(gain, mean_y - gain * mean_x)


def _distance(lines: Sequence[Gains], x: _Array, y: _Array) -> float:
    """Difference of what two lines make of bands, in standard deviations."""
    one, two = lines
    difference = (one.gain - two.gain) * x + one.offset - two.offset
    std = y.std(0)
    return float(np.sqrt(np.square(difference / np.where(std > 0, std, 1)).mean()))
