# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Comparison of two dates, pixel by pixel."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import convolve1d

from .rules import NEIGHBOURHOOD, UNKNOWN, ChangeRules

type Codes = npt.NDArray[np.uint8]
type _Mask = npt.NDArray[np.bool_]


def joint_confidence(old: Codes, new: Codes) -> Codes:
    """How sure two dates together are.

    The margin *m* of a date is by how much the most probable class is ahead of the next
    one. At worst, the next one is the class of the other date, and there is no third:
    then the classes differ with probability *(1 + m_old m_new) / 2*. The confidence,
    *m_old m_new*, is how far that is ahead of the opposite.

    Args:
        old: Margins of one date in percent.
        new: Margins of the other date.

    Returns:
        Confidence in percent.
    """
    product = (old.astype(np.uint16) * new + 50) // 100
    return product.astype(np.uint8)


def find_candidates(
    old: Codes, new: Codes, sure: Codes | None, rules: ChangeRules
) -> _Mask:
    """Find what may be a change, whatever its area.

    Both dates are treated alike, so that their order does not matter. Where a class is
    missing, nothing is known to have changed.

    Args:
        old: Classes of one date of shape ``(H, W)``, 255 where unknown.
        new: Classes of the other date.
        sure: Confidence of both together in percent, if it is known.
        rules: What counts as a change.

    Returns:
        True where the dates differ and it is not a shift, nor doubtful.
    """
    found: _Mask = (old != new) & (old != UNKNOWN) & (new != UNKNOWN)
    if rules.tolerance:
        shifted = _is_near(new, old, rules.tolerance)
        shifted &= _is_near(old, new, rules.tolerance)
        found &= ~shifted
    if sure is not None and rules.min_confidence > 0:
        found &= _is_sure(found, sure, rules.min_confidence)
    return found


def _is_near(classes: Codes, others: Codes, distance: int) -> _Mask:
    """Whether the class of a pixel is found near it at the other date."""
    height, width = classes.shape
    padded = np.pad(others, distance, constant_values=UNKNOWN)
    found = np.zeros(classes.shape, bool)
    for row in range(2 * distance + 1):
        for col in range(2 * distance + 1):
            found |= classes == padded[row : row + height, col : col + width]
    return found


def _is_sure(found: _Mask, sure: Codes, least: float) -> _Mask:
    """Whether the mean confidence of what was found around each pixel is enough."""
    total = _around(np.where(found, sure, 0))
    enough: _Mask = total >= least * _around(found)
    return enough


def _around(values: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """Sums over the neighbourhood of each pixel, exact wherever a part begins."""
    ones = np.ones(NEIGHBOURHOOD, np.int32)
    sums = convolve1d(values.astype(np.int32), ones, 0, mode='constant')
    total: npt.NDArray[np.int32] = convolve1d(sums, ones, 1, mode='constant')
    return total


def halo_of(rules: ChangeRules) -> int:
    """How far around a part the dates must be known to compare it.

    Args:
        rules: What counts as a change.

    Returns:
        Number of pixels.
    """
    return rules.tolerance + NEIGHBOURHOOD // 2
