# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Classes that are nothing but the outlines of others."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter, minimum_filter

type _Labels = npt.NDArray[Any]


def rim_classes(
    maps: Sequence[_Labels], num_classes: int, reach: int = 2, width: float = 6
) -> list[int]:
    """Find classes that are rims of others.

    A class is a rim if more than half of its pixels lie within some pixels of another
    class, and if it is thin: if its area is that of strips along its outline, of a mean
    width of a few pixels.

    Args:
        maps: Labels of shape ``(H, W)``, negative where invalid.
        num_classes: Number of classes, k.
        reach: Distance in pixels within which a pixel is at the edge of its class,
            along rows, columns and diagonals.
        width: Largest mean width of a rim in pixels.

    Returns:
        Numbers of these classes.

    Example:
        >>> import numpy as np
        >>> labels = np.zeros((40, 40), int)
        >>> labels[:, 20:] = 1
        >>> labels[:, 18:22] = 2
        >>> rim_classes([labels], 3)
        [2]
    """
    area, near, outline = np.zeros((3, num_classes))
    for labels in maps:
        valid = labels >= 0
        high = maximum_filter(np.where(valid, labels, -1), 2 * reach + 1)
        low = minimum_filter(np.where(valid, labels, num_classes), 2 * reach + 1)
        area += np.bincount(labels[valid], minlength=num_classes)
        near += np.bincount(labels[valid & (high != low)], minlength=num_classes)
        for one, two in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
            differ = (one != two) & (one >= 0) & (two >= 0)
            for side in (one, two):
                outline += np.bincount(side[differ], minlength=num_classes)
    present = area > 0
    mean_width = 2 * area / np.maximum(outline, 1)
    rims = present & (near > area / 2) & (mean_width <= width)
    return [int(i) for i in rims.nonzero()[0]]


def rim_share(
    maps: Sequence[_Labels], num_classes: int, reach: int = 2, width: float = 6
) -> float:
    """Measure how much of maps is classes that are rims of others.

    Args:
        maps: Labels of shape ``(H, W)``, negative where invalid.
        num_classes: Number of classes, k.
        reach: See :func:`rim_classes`.
        width: See :func:`rim_classes`.

    Returns:
        Share of the valid pixels, from 0 to 1.

    Example:
        >>> import numpy as np
        >>> rim_share([np.repeat([[0] * 10 + [1] * 10], 20, axis=0)], 2)
        0.0
    """
    rims = rim_classes(maps, num_classes, reach, width)
    inside = sum(int(np.isin(labels, rims).sum()) for labels in maps)
    valid = sum(int((labels >= 0).sum()) for labels in maps)
    return inside / max(valid, 1)
