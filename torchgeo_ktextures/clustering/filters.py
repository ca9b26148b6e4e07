# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Local averages and sums."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .settings import EDGE_POWER, VARIANCE_FLOOR


def box_filter(x: Tensor, size: int) -> Tensor:
    """Average over a square window, cut off at the borders.

    Args:
        x: Features of shape ``(B, F, h, w)``.
        size: Width of the window (odd).

    Returns:
        Averages of the same shape.
    """
    # Columns, then rows, add few numbers; windows that overlap would add many twice.
    return _line_filter(_line_filter(x.mT, size).mT, size)


def edge_filter(x: Tensor, size: int) -> Tensor:
    """Average over the side of an edge that a place lies on.

    Averages over nine square windows, shifted by half their width or not at all, count
    by how little features vary within them. A window around an edge would mix both
    sides, and look like a class of its own.

    If you use this filter in your research, please cite the following papers:

    * https://doi.org/10.1007/978-1-4684-0769-3_13 (Kuwahara et al., 1976)
    * https://doi.org/10.1109/TIP.2007.903912 (Papari et al., 2007)

    Args:
        x: Standardized features of shape ``(B, F, h, w)``, with a total variance of
            about one.
        size: Width of the windows (odd).

    Returns:
        Averages of the same shape.
    """
    mean = box_filter(x, size)
    square = box_filter(x.square().sum(1, keepdim=True), size)
    variance = square - mean.square().sum(1, keepdim=True)
    # Powers of what no scene has must not vanish in all windows.
    weight = variance.clamp(VARIANCE_FLOOR, 1 / VARIANCE_FLOOR) ** -EDGE_POWER
    sums = shifted_sums(torch.cat([mean * weight, weight], dim=1), size // 2)
    return sums[:, :-1] / sums[:, -1:]


def _line_filter(x: Tensor, size: int) -> Tensor:
    """Average along the last dimension."""
    length, reach = x.shape[-1], size // 2
    padded = F.pad(x, (reach, reach))
    total = padded[..., :length]
    for start in range(1, size):
        total = total + padded[..., start : start + length]
    place = torch.arange(length, device=x.device)
    first, last = (place - reach).clamp(min=0), (place + reach).clamp(max=length - 1)
    return total / (last - first + 1)


def window_sums(x: Tensor, size: int, step: int = 1) -> Tensor:
    """Add up over a square window; there is nothing beyond the borders.

    Args:
        x: Features of shape ``(B, F, h, w)``.
        size: Width of the window (odd).
        step: Distance of the centers, of which the first is a corner.

    Returns:
        Sums of shape ``(B, F, ceil(h / step), ceil(w / step))``.
    """
    ones = x.new_ones(x.shape[1], 1, size, size)
    # As a convolution it is three times as fast as by pooling.
    return F.conv2d(x, ones, stride=step, padding=size // 2, groups=x.shape[1])


def shifted_sums(x: Tensor, reach: int, step: int = 1) -> Tensor:
    """Add up the nine places that are *reach* away along columns, rows or both, or not.

    Args:
        x: Features of shape ``(B, F, h, w)``, in channels-last order to be fast.
        reach: Distance.
        step: Distance of the places of which sums are wanted, the first is a corner.

    Returns:
        Sums of shape ``(B, F, ceil(h / step), ceil(w / step))``.
    """
    ones = x.new_ones(x.shape[1], 1, 3, 3)
    # A convolution with holes is many times as fast as adding shifted copies.
    return F.conv2d(
        x, ones, stride=step, padding=reach, dilation=reach, groups=x.shape[1]
    )
