# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What the scenes of two dates say of a change that their maps show."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_dilation, convolve1d, uniform_filter
from scipy.stats import chi2

from .rules import NEIGHBOURHOOD

type Bands = npt.NDArray[np.float64]
type Floats = npt.NDArray[np.floating]
type _Mask = npt.NDArray[np.bool_]

#: Height and width in pixels within which light and haze are taken to be the same.
_LIGHT = 65

#: Least share of such a window that must be unchanged to tell what has changed in it.
_ENOUGH = 0.05

#: Level of the chi-square test by which a change stands out.
_LEVEL = 0.99

#: Pixels around a change that may belong to it: half of the widest window by which
#: classes are told, which sees both sides of an outline.
_NEAR = 4

#: Share of the standard deviation below which values are equal.
_EQUAL = 1e-3

#: How far the outline of a change may move, in pixels.
REACH = _NEAR + 1

#: How far around a part the dates must be known to look at it again.
EVIDENCE_HALO = 2 * (_LIGHT // 2) + NEIGHBOURHOOD // 2 + REACH


class SceneSums:
    """Sums over what has not changed in two scenes."""

    def __init__(self) -> None:
        """Begin."""
        self.count = 0
        self.sums: Bands = np.zeros(0)

    def add(self, old: Bands, new: Bands, stable: _Mask) -> None:
        """Add a part.

        Args:
            old: Bands of one date of shape ``(C, H, W)``, NaN where invalid.
            new: Bands of the other date.
            stable: Where the class is the same at both dates, of shape ``(H, W)``.
        """
        inside = stable & np.isfinite(old).all(0) & np.isfinite(new).all(0)
        x, y = old[:, inside], new[:, inside]
        sums = np.stack([v.sum(1) for v in (x, y, x * x, y * y, x * y)])
        self.sums = sums if not self.count else self.sums + sums
        self.count += int(inside.sum())

    def standardize(self, i: int, old: Bands, new: Bands) -> Bands:
        """Standardize the difference of a band as :func:`stand_out` does.

        Args:
            i: Number of the band.
            old: Values of one date.
            new: Values of the other date.

        Returns:
            Standardized differences.
        """
        x, y, xx, yy, xy = self.sums[:, i] / self.count
        old_std, new_std = np.sqrt(np.maximum([xx - x * x, yy - y * y], _EQUAL**2))
        shared = (xy - x * y) / (old_std * new_std)
        spread = max(np.sqrt(max(2 - 2 * shared, 0)), _EQUAL)
        found: Bands = ((new - y) / new_std - (old - x) / old_std) / spread
        return found


def stand_out(
    old: Bands, new: Bands, stable: _Mask, whole: Callable[[], SceneSums]
) -> tuple[Floats, _Mask]:
    """Measure how much a place changes more than what is around it.

    Within a window, both dates are brought to mean and deviation of what has not
    changed, as gain, offset and haze change these. What is left, the difference, is
    standardized in the same way. The order of the dates changes its sign only. Where
    nearly nothing of a window is unchanged, the whole scene stands for it.

    Args:
        old: Bands of one date of shape ``(C, H, W)``, NaN where invalid.
        new: Bands of the other date.
        stable: Where the class is the same at both dates, of shape ``(H, W)``.
        whole: What sums up the whole scene.

    Returns:
        Standardized differences of shape ``(C, H, W)``, zero where nothing is known,
        and where they are known.
    """
    valid = np.isfinite(old).all(0) & np.isfinite(new).all(0)
    weight = (stable & valid).astype(np.float64)
    total = _mean(weight, _LIGHT)
    known: _Mask = valid & (total >= _ENOUGH)
    total = np.maximum(total, 1e-9)
    far = valid & ~known
    scene = whole() if far.any() else SceneSums()
    found = np.zeros(old.shape, np.float32)
    for i, pair in enumerate(zip(old, new, strict=True)):
        before, after = (
            _standardize(np.where(valid, x, 0), weight, total) for x in pair
        )
        # A difference of what has no noise, as of a copy, is none.
        change = _standardize(after - before, weight, total, _EQUAL)
        found[i] = np.where(known, change, 0)
        if scene.count:
            found[i, far] = scene.standardize(i, pair[0][far], pair[1][far])
    return found, valid if scene.count else known


def confirm(found: _Mask, differences: Floats, known: _Mask) -> _Mask:
    """Keep changes that stand out in the scenes.

    Each is measured by its mean over what was found around it.

    Args:
        found: Changes of shape ``(H, W)``.
        differences: What :func:`stand_out` gives.
        known: Where that is known; elsewhere nothing speaks against a change.

    Returns:
        Changes of the same shape.
    """
    weight = found.astype(np.float64)
    total = np.maximum(_mean(weight, NEIGHBOURHOOD), 1e-9)
    means = [_mean(band * weight, NEIGHBOURHOOD) / total for band in differences]
    kept: _Mask = found & (_stands_out(np.stack(means)) | ~known)
    return kept


def draw_outlines(found: _Mask, differences: Floats, known: _Mask) -> _Mask:
    """Draw the outlines of changes where the scenes have them.

    A pixel near a change belongs to it if it stands out by itself, and so do most of
    its neighbours.

    Args:
        found: Changes of shape ``(H, W)``.
        differences: What :func:`stand_out` gives.
        known: Where that is known; elsewhere outlines stay.

    Returns:
        Changes of the same shape.
    """
    near = binary_dilation(found, np.ones((3, 3), bool), _NEAR)
    drawn = np.where(known, near & _stands_out(differences), found)
    rows = convolve1d(drawn.astype(np.uint8), np.ones(3, np.uint8), 0, mode='nearest')
    votes = convolve1d(rows, np.ones(3, np.uint8), 1, mode='nearest')
    majority: _Mask = votes > 4
    return majority


def _stands_out(differences: Floats) -> _Mask:
    """Whether standardized differences are larger than chance makes them."""
    found: _Mask = (differences**2).sum(0) >= chi2.ppf(_LEVEL, len(differences))
    return found


def _standardize(
    band: Bands, weight: Bands, total: Bands, least: float | None = None
) -> Bands:
    """Bring a band to mean 0 and deviation 1 of what weighs within a window."""
    middle = _mean(band * weight, _LIGHT) / total
    square = _mean(band * band * weight, _LIGHT) / total
    deviation = np.sqrt(np.maximum(square - middle * middle, 0))
    if least is None:
        least = _EQUAL * float(band.std()) or 1.0
    scaled: Bands = (band - middle) / np.maximum(deviation, least)
    return scaled


def _mean(values: npt.NDArray[np.floating], size: int) -> Bands:
    """Mean over a window; outside is zero."""
    mean: Bands = uniform_filter(values, size, np.float64, 'constant')
    return mean
