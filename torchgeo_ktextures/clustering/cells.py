# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The cells of a sample, in which classes are found."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .local_moments import PlaceMoments
from .settings import CELL

if TYPE_CHECKING:  # what applies models needs none of what it imports
    from .feature_space import FeatureSpace


class Sample(NamedTuple):
    """What is measured in the cells of a sample."""

    #: Pooled features, of shape ``(B, sum F, h, w)``.
    pooled: Sequence[Tensor]
    #: Valid cells, bool, on the CPU, of shape ``(B, h, w)``.
    valids: Sequence[Tensor]
    #: Moments that tell classes, at the middle of each cell, ``(B, d, h, w)``.
    moments: Sequence[Tensor] = ()
    #: Moments of each window, on the linear and on the logarithmic scale, likewise.
    views: Sequence[Sequence[Tensor]] = ()


def middle_moments(moments: PlaceMoments, x: Tensor, valid: Tensor) -> Tensor:
    """Measure the moments that tell classes in the middle of each cell.

    Args:
        moments: Moments.
        x: Normalized bands of shape ``(B, C, H, W)``, of whole cells.
        valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.

    Returns:
        Moments of shape ``(B, d, H / 4, W / 4)``.
    """
    return middle_of_cells(moments(x, valid, CELL // 2), 2)


def middle_views(moments: PlaceMoments, x: Tensor, valid: Tensor) -> list[Tensor]:
    """Measure the moments of each window in the middle of each cell.

    Args:
        moments: Moments.
        x: Normalized bands of shape ``(B, C, H, W)``, of whole cells.
        valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.

    Returns:
        Moments of shape ``(B, 2 * C, H / 4, W / 4)``, see :attr:`Sample.views`.
    """
    return [middle_of_cells(v, 2) for v in moments.each(x, valid, CELL // 2)]


def valid_middles(valid: Tensor) -> Tensor:
    """Find the cells that are mostly valid, and in the middle.

    Args:
        valid: Validity of shape ``(B, 1, H, W)``, 0 or 1, of whole cells.

    Returns:
        Whether they are, bool, on the CPU, of shape ``(B, H / 4, W / 4)``.
    """
    middle = valid[:, 0, CELL // 2 :: CELL, CELL // 2 :: CELL] > 0
    return (middle & (F.avg_pool2d(valid, CELL)[:, 0] > 0.5)).cpu()


def middle_of_cells(places: Tensor, count: int) -> Tensor:
    """Take the place in the middle of each cell.

    Args:
        places: Values at places, of shape ``(B, F, h * count, w * count)``.
        count: Number of places in a cell, in a row.

    Returns:
        Values of shape ``(B, F, h, w)``.
    """
    middle = slice(count // 2, None, count)
    return places[..., middle, middle]


def spread_cells(total: int, count: int) -> Tensor:
    """Choose cells that stand for all, the same ones whatever the seed.

    Multiples of the golden ratio, less their whole part, fill the range from 0 to 1
    evenly, and have no period that rows or patches could have as well.

    Args:
        total: Number of cells.
        count: Number of cells that are wanted, at most.

    Returns:
        Ascending numbers of the cells, of shape ``(N,)``.
    """
    place = torch.arange(total, dtype=torch.float64) * ((5**0.5 - 1) / 2) % 1
    return (place < count / total).nonzero()[:count, 0]


def cell_vectors(
    sample: Sample, space: 'FeatureSpace', count: int, num_classes: int
) -> tuple[Tensor, Tensor]:
    """Choose cells of a sample, and fit the space of their features.

    Args:
        sample: What is measured in the cells.
        space: Space of the features, which is fitted.
        count: Number of cells, at most.
        num_classes: Number of classes that are to be found.

    Returns:
        Reduced features of the cells, of shape ``(N, m)``, and which of the valid cells
        they are.

    Raises:
        ValueError: If there are fewer different cells than classes.
    """
    too_few = f'the training data has fewer than num_classes={num_classes} different '
    too_few += f'cells of {CELL} x {CELL} pixels; ask for fewer classes, or give a '
    too_few += 'larger scene'
    valid = sum(int(valid.sum()) for valid in sample.valids)
    if valid < num_classes:
        raise ValueError(too_few)
    index = spread_cells(valid, count)
    vectors = space.fit(sample.pooled, sample.valids, index)
    if len({row.tobytes() for row in vectors.numpy().round(6) + 0.0}) < num_classes:
        raise ValueError(too_few)  # no -0
    return vectors, index
