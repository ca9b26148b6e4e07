# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Accuracy and areas of a map, estimated from a stratified sample."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

type _Floats = npt.NDArray[np.float64]
type _Integers = npt.NDArray[np.int64]

#: Standard errors on each side of an estimate in an interval of 95 %.
Z95 = 1.96


@dataclass(frozen=True)
class Estimate:
    """Estimates and their standard errors, NaN where there is none."""

    value: _Floats
    error: _Floats

    def interval(self, most: float = np.inf) -> tuple[_Floats, _Floats]:
        """Confidence intervals of 95 %.

        Args:
            most: Largest value there can be; the smallest is 0.

        Returns:
            Lower and upper ends, of the shape of the estimates.
        """
        low, high = self.value - Z95 * self.error, self.value + Z95 * self.error
        return low.clip(0, most), high.clip(0, most)


@dataclass(frozen=True)
class MapAccuracy:
    """What a sample of labelled points tells of a map."""

    #: Points by class of the map and class of the point, of shape ``(K, K)``.
    counts: _Integers
    #: Estimated share of the area of each pair of classes, of shape ``(K, K)``.
    proportions: _Floats
    #: Share of the area on which map and points agree, of shape ``()``.
    overall: Estimate
    #: Share of the area of each class of the map that is this class, of shape ``(K,)``.
    users: Estimate
    #: Share of the area of each class that the map has as this class.
    producers: Estimate
    #: Harmonic mean of the two, of shape ``(K,)``, NaN for classes nowhere.
    f1: _Floats
    #: Area of each class, in the unit of the areas of the strata.
    areas: Estimate
    #: Area of strata without a point, of which nothing is known.
    unknown_area: float


def map_accuracy(
    strata: npt.ArrayLike,
    mapped: npt.ArrayLike,
    reference: npt.ArrayLike,
    stratum_areas: npt.ArrayLike,
    num_classes: int,
) -> MapAccuracy:
    r"""Estimate the accuracy of a map and the area of classes.

    Points are a random sample of each stratum. Where strata are the classes of the map
    itself, these are equations 1 to 11 of Olofsson et al. (2014). Strata may be others,
    such as the classes of an earlier map that the sample was drawn by: shares of the
    area are means over points weighted by :math:`N_h / n_h`, and accuracies are ratios
    of such means, with the variance of Stehman (2014), which for classes of the map
    are those of Olofsson et al.

    .. math::

        \hat R = \frac{\sum_h N_h \bar y_h}{\sum_h N_h \bar x_h}, \qquad
        \hat V(\hat R) = \frac{1}{\hat X^2} \sum_h \frac{N_h^2}{n_h}
        (s^2_{yh} + \hat R^2 s^2_{xh} - 2 \hat R s_{xyh})

    Pixels are so many that no correction for a finite population is made.

    References:
        * https://doi.org/10.1016/j.rse.2014.02.015 (Olofsson et al., 2014)
        * https://doi.org/10.1080/01431161.2014.930207 (Stehman, 2014)

    Args:
        strata: Stratum of each point, of shape ``(N,)``.
        mapped: Class of the map at each point, of shape ``(N,)``.
        reference: Class that each point really is, of shape ``(N,)``.
        stratum_areas: Area of each stratum, of shape ``(H,)``. Strata without a point
            are left out: all estimates are then of the rest.
        num_classes: Number of classes K.

    Returns:
        Estimates. Standard errors are NaN where a stratum that they depend on has a
        single point.

    Raises:
        ValueError: If there is no point.

    Example:
        >>> found = map_accuracy([0, 0, 1, 1], [0, 0, 1, 1], [0, 1, 1, 1], [30, 70], 2)
        >>> found.areas.value
        array([15., 85.])
    """
    strata, mapped, reference = (
        np.asarray(v, np.int64) for v in (strata, mapped, reference)
    )
    if not len(strata):
        raise ValueError('there is no point to estimate accuracy from; give some')
    sizes: _Floats = np.asarray(stratum_areas, np.float64)
    points = np.bincount(strata, minlength=len(sizes))
    unknown = float(sizes[points == 0].sum())
    sizes = np.where(points > 0, sizes, 0)
    total = sizes.sum()
    sample = _Sample(strata, points, sizes)
    classes = np.arange(num_classes)
    is_mapped, is_class = mapped[:, None] == classes, reference[:, None] == classes
    right = is_mapped & is_class
    counts = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(counts, (mapped, reference), 1)
    proportions = np.zeros(counts.shape)
    np.add.at(proportions, (mapped, reference), (sizes / points.clip(1))[strata])
    proportions /= total
    everything = np.ones((len(strata), 1))
    overall = sample.ratio(right.sum(1, keepdims=True), everything, everything)
    shares = sample.ratio(is_class, everything, everything)
    both = proportions.sum(0) + proportions.sum(1)
    return MapAccuracy(
        counts,
        proportions,
        Estimate(overall.value[0], overall.error[0]),
        sample.ratio(right, is_mapped, is_mapped),
        sample.ratio(right, is_class, everything),
        _divide(2 * proportions.diagonal(), both),
        Estimate(shares.value * total, shares.error * total),
        unknown,
    )


@dataclass(frozen=True)
class _Sample:
    strata: _Integers
    #: Number of points, and area, of each stratum.
    points: _Integers
    sizes: _Floats

    def ratio(
        self, y: npt.ArrayLike, x: npt.ArrayLike, within: npt.ArrayLike
    ) -> Estimate:
        """Ratios of totals of y and x of shape ``(K,)``, from values ``(N, K)``.

        Strata without a point *within* have no part in a ratio.
        """
        above, below = np.asarray(y, np.float64), np.asarray(x, np.float64)
        total = self.sizes @ self._means(below)
        value = _divide(self.sizes @ self._means(above), total)
        # Stehman's three variances are that of y - R x.
        rest = above - np.nan_to_num(value) * below
        spread = rest - self._means(rest)[self.strata]
        squares = self._means(spread**2) * self.points[:, None]
        degrees = self.points[:, None] * (self.points - 1)[:, None]
        # A single point does not tell how much its stratum varies.
        part = self._means(np.asarray(within, np.float64)) > 0
        single = (self.points[:, None] == 1) & part
        variances = np.where(single, np.nan, squares / degrees.clip(1))
        error = _divide(np.sqrt(self.sizes**2 @ variances), total)
        return Estimate(value, error)

    def _means(self, values: _Floats) -> _Floats:
        """Means of each stratum, of shape ``(H, K)``."""
        sums = np.zeros((len(self.sizes), values.shape[1]))
        np.add.at(sums, self.strata, values)
        means: _Floats = sums / self.points.clip(1)[:, None]
        return means


def _divide(a: _Floats, b: _Floats) -> _Floats:
    """Quotient, NaN where there is nothing to divide by."""
    quotient: _Floats = np.divide(a, b, out=np.full(np.shape(a), np.nan), where=b > 0)
    return quotient
