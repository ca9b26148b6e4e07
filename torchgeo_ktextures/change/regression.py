# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Gain and offset between two dates."""

import numpy as np
import numpy.typing as npt

type _Array = npt.NDArray[np.float64]


def orthogonal_regression(
    x: npt.ArrayLike, y: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> tuple[_Array, _Array]:
    """Fit a line to each band, with errors on both sides.

    Least squares would make a line too flat where *x* has errors. Here distances are
    measured across the line, in units of the spread of each date, so that changing
    places of *x* and *y* gives the inverse.

    If you use this function in your research, please cite the following paper:

    * https://doi.org/10.1016/j.rse.2003.10.024 (Canty et al., 2004)

    Args:
        x: Bands of shape ``(N, C)``.
        y: Bands of the same places, of shape ``(N, C)``.
        weights: Weights of the places, of shape ``(N,)`` (defaults to equal ones).

    Returns:
        Gain and offset of shape ``(C,)``, such that ``gain * x + offset`` is near *y*.
        A band that is constant has a gain of 1.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    share = np.ones(len(x)) if weights is None else np.asarray(weights, np.float64)
    share = share / share.sum()
    middle_x, middle_y = share @ x, share @ y
    var_x, var_y = share @ (x - middle_x) ** 2, share @ (y - middle_y) ** 2
    both = (var_x > 0) & (var_y > 0)
    gain = np.sqrt(np.where(both, var_y, 1) / np.where(both, var_x, 1))
    return gain, middle_y - gain * middle_x
