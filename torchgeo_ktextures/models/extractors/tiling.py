# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Feature maps of images too large for one pass, and finer than their cells."""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

type Maps = dict[str, Tensor]


class Span(NamedTuple):
    """A tile along one axis, and the part of it that is kept, its core."""

    start: int
    stop: int
    first: int
    last: int


def spans(count: int, most: int, margin: int) -> list[Span]:
    """Divide an axis into tiles of one size that overlap.

    Args:
        count: Length of the axis.
        most: Length of a tile, at most.
        margin: What cores keep from the ends of their tiles, at least.

    Returns:
        Tiles, whose cores cover the axis.
    """
    if count <= most:
        return [Span(0, count, 0, count)]
    tiles = -(-(count - 2 * margin) // (most - 2 * margin))
    starts = [i * (count - most) // (tiles - 1) for i in range(tiles)]
    middles = [(b + a + most) // 2 for a, b in pairwise(starts)]
    firsts, lasts = [0, *middles], [*middles, count]
    return [
        Span(start, start + most, first, last)
        for start, first, last in zip(starts, firsts, lasts, strict=True)
    ]


def tiled(
    function: Callable[[Tensor], Maps], image: Tensor, multiple: int, most: int
) -> Maps:
    """Make maps tile by tile.

    Args:
        function: What makes maps of an image.
        image: Channels of shape ``(B, C, H, W)``, of whole multiples.
        multiple: Pixels in a row that all maps have whole cells of.
        most: Height and width of a tile in multiples, at most.

    Returns:
        Maps by name, as of the whole image, but for what tiles do not see.
    """
    rows, columns = (spans(n // multiple, most, most // 8) for n in (image.shape[-2:]))
    if len(rows) == len(columns) == 1:
        return function(image)
    bands: dict[str, list[Tensor]] = {}
    for row in rows:
        parts: dict[str, list[Tensor]] = {}
        for column in columns:
            tile = image[
                ...,
                row.start * multiple : row.stop * multiple,
                column.start * multiple : column.stop * multiple,
            ]
            for name, value in function(tile).items():
                core = value[..., _core(row, value.shape[-2]), :]
                core = core[..., _core(column, value.shape[-1])]
                parts.setdefault(name, []).append(core)
        for name, found in parts.items():
            bands.setdefault(name, []).append(torch.cat(found, -1))
    return {name: torch.cat(found, -2) for name, found in bands.items()}


def _core(span: Span, cells: int) -> slice:
    """Cells of a map of a tile that are in its core."""
    first, last, count = (n - span.start for n in (span.first, span.last, span.stop))
    return slice(first * cells // count, last * cells // count)


def shifted(function: Callable[[Tensor], Maps], image: Tensor, stride: int) -> Maps:
    """Make maps of half the stride, of four passes over a shifted image.

    Args:
        function: What makes maps of an image.
        image: Channels of shape ``(B, C, H, W)``.
        stride: Stride of the maps in pixels.

    Returns:
        Maps by name, with twice as many cells along each axis.
    """
    step = stride // 2
    before = step // 2  # cells of each pass lie around the middle of its patches
    padding = (before, step - before) * 2
    padded = F.pad(image, padding, mode='replicate')
    height, width = image.shape[-2:]
    passes: dict[str, list[Tensor]] = {}
    for top in (0, step):
        for left in (0, step):
            part = padded[..., top : top + height, left : left + width]
            for name, value in function(part).items():
                passes.setdefault(name, []).append(value)
    return {
        name: F.pixel_shuffle(torch.stack(found, 2).flatten(1, 2), 2)
        for name, found in passes.items()
    }
