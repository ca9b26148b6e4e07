# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Places that have not changed between two dates, whatever the radiometry."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_triangular, svd
from scipy.special import chdtrc, gammaincinv

type _Array = npt.NDArray[np.float64]

#: Number of iterations, at most, and the change of a correlation that ends them.
_ITERATIONS, _TOLERANCE = 30, 1e-3

#: Share of the variance that is added to it, as noise that no band is without: bands
#: that are copies of each other, or of another date, have no inverse.
_NOISE = 1e-6


class InvariantPlaces(NamedTuple):
    """What iteratively reweighted multivariate alteration detection finds."""

    #: Probability that a place is no change, of shape (N,).
    weights: _Array
    #: Differences of the canonical variates, of unit variance over places without
    #: change, of shape (N, C); the first are the least correlated.
    variates: _Array
    #: Sum of their squares, of shape (N,).
    chi_square: _Array
    #: Canonical correlations of both dates, of shape (C,), in the order of the variates.
    correlations: _Array


def irmad(first: npt.ArrayLike, second: npt.ArrayLike) -> InvariantPlaces:
    """Find places without change by iteratively reweighted MAD.

    Canonical correlation analysis finds combinations of the bands of both dates that
    are most alike. The differences of these, the MAD variates, do not depend on gains
    and offsets of bands. Where they are small, a place has probably not changed; such
    places weigh more in the next iteration.

    Places that weigh more also make variances smaller, from one iteration to the next,
    until hardly a place is left. So the variance of weighted variates is divided by
    what it is, on average, of normal variates of unit variance.

    If you use this function in your research, please cite the following papers:

    * https://doi.org/10.1109/TIP.2006.888195 (Nielsen, 2007)
    * https://doi.org/10.1016/j.rse.2007.07.013 (Canty and Nielsen, 2008)

    Args:
        first: Bands of places at one date, of shape ``(N, C)``, finite.
        second: Bands of the same places at another date, of shape ``(N, C)``.

    Returns:
        What was found.

    Raises:
        ValueError: If shapes differ, or there are too few places.

    Example:
        >>> import numpy as np
        >>> first = np.random.default_rng(0).normal(size=(1000, 4))
        >>> second = 1.2 * first + 0.1
        >>> second[:100] = second[100:200]
        >>> weights = irmad(first, second).weights
        >>> bool(weights[:100].max() < weights[100:].min())
        True
    """
    x, y = (np.asarray(part, np.float64) for part in (first, second))
    if x.shape != y.shape or x.ndim != 2:
        msg = f'first and second have shapes {x.shape} and {y.shape}; give bands of '
        raise ValueError(msg + 'the same places, both of shape (N, C)')
    count, bands = x.shape
    if count <= 2 * bands + 1:
        msg = f'{count} places of {bands} bands are too few to compare; give more than '
        raise ValueError(f'{msg}{2 * bands + 1}')
    # So that noise is a share of the variance of each band.
    x, y = _standardize(x), _standardize(y)
    weights, shrinkage = np.ones(count), 1.0
    before = np.zeros(bands)
    for _ in range(_ITERATIONS):
        variates, correlations = _variates(x, y, weights, shrinkage)
        chi_square = (variates**2).sum(1)
        weights = chdtrc(bands, chi_square)
        if abs(correlations - before).max() < _TOLERANCE or weights.sum() < 2 * bands:
            break
        before, shrinkage = correlations, _shrinkage(bands)
    return InvariantPlaces(weights, variates, chi_square, correlations)


def _standardize(bands: _Array) -> _Array:
    std = bands.std(0)
    scaled: _Array = (bands - bands.mean(0)) / np.where(std > 0, std, 1)
    return scaled


def _shrinkage(bands: int) -> float:
    """Variance of normal variates of unit variance that are weighted by chi-square."""
    places = (np.arange(10_000) + 0.5) / 10_000
    squares = 2 * gammaincinv(bands / 2, places)  # quantiles of chi-square
    return float(((1 - places) * squares).sum() / (1 - places).sum() / bands)


def _variates(
    x: _Array, y: _Array, weights: _Array, shrinkage: float
) -> tuple[_Array, _Array]:
    """MAD variates by weighted canonical correlations, the least correlated first."""
    share = weights / weights.sum()
    x, y = x - share @ x, y - share @ y
    noise = _NOISE * np.eye(x.shape[1])
    roots = [np.linalg.cholesky((part.T * share) @ part + noise) for part in (x, y)]
    # Whitened covariance of both dates: its singular values are the correlations.
    cross = (x.T * share) @ y
    cross = solve_triangular(roots[0], cross, lower=True)
    cross = solve_triangular(roots[1], cross.T, lower=True).T
    left, correlations, right = svd(cross)
    u = solve_triangular(roots[0], x.T, lower=True).T @ left
    v = solve_triangular(roots[1], y.T, lower=True).T @ right.T
    correlations = correlations.clip(max=1)
    std = np.sqrt(2 * (1 - correlations) / shrinkage + _NOISE)
    return ((u - v) / std)[:, ::-1], correlations[::-1]
