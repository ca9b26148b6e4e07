# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Images of masks times textures."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

#: Images and textures in pieces: image, its rows and columns, those of the textures.
type _Pieces = list[tuple[int, tuple[slice, slice], tuple[slice, slice]]]


class _Compose(torch.autograd.Function):
    """Sum of masks times textures, without their products for all bands at once."""

    @staticmethod
    def forward(ctx: Any, masks: Tensor, textures: Tensor, pieces: _Pieces) -> Tensor:
        ctx.save_for_backward(masks, textures)
        ctx.pieces = pieces
        batch, _, height, width = masks.shape
        images = masks.new_empty(batch, textures.shape[1], height, width)
        for i, place, seen in pieces:
            mask = masks[i][:, *place]
            for band, texture in enumerate(textures[..., *seen].unbind(1)):
                images[i, band][place] = (mask * texture).sum(0)
        return images

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, None]:
        masks, textures = ctx.saved_tensors
        to_masks = torch.zeros_like(masks) if ctx.needs_input_grad[0] else None
        to_textures = torch.zeros_like(textures)
        for i, place, seen in ctx.pieces:
            mask = masks[i][:, *place]
            for band, texture in enumerate(textures[..., *seen].unbind(1)):
                change = gradient[i, band][place]
                to_textures[:, band, *seen].addcmul_(mask, change)
                if to_masks is not None:
                    to_masks[i][:, *place].addcmul_(texture, change)
        return to_masks, to_textures, None


def compose(masks: Tensor, textures: Tensor, shifts: Sequence[Sequence[int]]) -> Tensor:
    """Compose images of masks times textures, which repeat.

    Args:
        masks: Masks of shape ``(B, k, H, W)``.
        textures: Textures of shape ``(k, C, h, w)``, seamless.
        shifts: How far down and right the textures are moved, for each image.

    Returns:
        Images of shape ``(B, C, H, W)``.
    """
    size, period = masks.shape[-2:], textures.shape[-2:]
    pieces = [
        (i, (rows, cols), (seen_rows, seen_cols))
        for i, (down, right) in enumerate(shifts)
        for rows, seen_rows in _pieces(size[0], period[0], down)
        for cols, seen_cols in _pieces(size[1], period[1], right)
    ]
    images: Tensor = _Compose.apply(masks, textures.to(masks.dtype), pieces)
    return images


def _pieces(length: int, period: int, shift: int) -> Iterator[tuple[slice, slice]]:
    """Parts of a line, and the parts of what repeats along it that they show."""
    start = 0
    while start < length:
        offset = (start - shift) % period
        count = min(period - offset, length - start)
        yield slice(start, start + count), slice(offset, offset + count)
        start += count
