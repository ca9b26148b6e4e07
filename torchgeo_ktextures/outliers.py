# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Pixels that lie absurdly far from all others: fill values, hot pixels, saturation."""

import numpy as np
import numpy.typing as npt

type Floats = npt.NDArray[np.floating]

#: How many times as far from the median as the pixel before it an outlier lies. What
#: belongs to a scene has something in between, such as the pixels of a shore.
_JUMP = 4.0

#: Share of the pixels on one side of the median that may be outliers. What are more is
#: a part of the scene.
_MOST = 0.2

#: How far beyond the last pixel that is no outlier the limits are, as a share of the
#: range between them.
_MARGIN = 0.25


def band_limits(pixels: Floats, max_samples: int = 100_000) -> tuple[Floats, Floats]:
    """Find the limits of each band, beyond which values are outliers.

    On each side of the median, distances to it are sorted. Where one is more than four
    times the one before, and at least twice the interquartile range, what follows are
    outliers, unless they are many. Without such a jump the limits lie beyond all
    pixels.

    Args:
        pixels: Valid pixels of shape ``(N, C)``.
        max_samples: Number of pixels that are sorted, at most.

    Returns:
        Lower and upper limits of shape ``(C,)``.
    """
    step = max(1, -(-len(pixels) // max_samples))
    limits = [
        _limits(np.sort(band[::step].astype(np.float64)), band) for band in pixels.T
    ]
    low, high = np.array(limits).reshape(-1, 2).T
    return low, high


def _limits(some: Floats, band: Floats) -> tuple[float, float]:
    """Limits of a band, by some sorted values of it and all of them."""
    if not len(some):
        return -np.inf, np.inf
    first, median, last = np.quantile(some, [0.25, 0.5, 0.75], method='nearest')
    floor = 2 * (last - first)
    if floor <= 0:
        # Most pixels are equal: nothing tells how far is far.
        floor = float(np.ptp(np.quantile(some, [0.05, 0.95], method='nearest')))
        if floor <= 0:
            return _widen(float(band.min()), float(band.max()))
    upper = _last(some[some >= median] - median, floor)
    lower = _last((median - some[some <= median])[::-1], floor)
    return _widen(
        median - _reach(median - band[band < median - lower], lower, floor),
        median + _reach(band[band > median + upper] - median, upper, floor),
    )


def _last(distances: Floats, floor: float) -> float:
    """Largest of sorted distances that is no outlier."""
    start = max(int(np.ceil(len(distances) * (1 - _MOST))) - 1, 0)
    tail = np.maximum(distances[start:], floor)
    jumps = np.flatnonzero(tail[1:] > _JUMP * tail[:-1])
    return float(distances[start + jumps[0]] if len(jumps) else distances[-1])


def _reach(beyond: Floats, last: float, floor: float) -> float:
    """Largest distance that follows on others without a jump."""
    chain = np.r_[last, np.sort(beyond.astype(np.float64))]
    steps = np.maximum(chain, floor)
    jumps = np.flatnonzero(steps[1:] > _JUMP * steps[:-1])
    return float(chain[jumps[0]] if len(jumps) else chain[-1])


def _widen(low: float, high: float) -> tuple[float, float]:
    margin = _MARGIN * (high - low)
    return low - margin, high + margin


def is_outlier(pixels: Floats, low: Floats, high: Floats) -> npt.NDArray[np.bool_]:
    """Find pixels of which a band is beyond its limits.

    Args:
        pixels: Pixels of shape ``(N, C)``.
        low: Lower limits of shape ``(C,)``.
        high: Upper limits.

    Returns:
        True for outliers, of shape ``(N,)``.
    """
    found: npt.NDArray[np.bool_] = ((pixels < low) | (pixels > high)).any(1)
    return found


def robust_moments(
    pixels: Floats,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and standard deviation of each band without outliers.

    Args:
        pixels: Valid pixels of shape ``(N, C)``.

    Returns:
        Means and standard deviations of shape ``(C,)``; 0 and 1 without pixels, and a
        deviation of 1 for constant bands.
    """
    if not len(pixels):
        return np.zeros(pixels.shape[1]), np.ones(pixels.shape[1])
    kept = pixels[~is_outlier(pixels, *band_limits(pixels))].astype(np.float64)
    std = kept.std(0)
    return kept.mean(0), np.where(std > 0, std, 1)
