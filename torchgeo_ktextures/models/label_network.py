# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Fast inference: from bands to labels, exactly as the model would."""

import copy
from collections.abc import Collection

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .ktextures import KTexturesModel
from .mask_network import upsample_logits

#: Cells whose pixels are compared at once: the logits of a chunk stay in the cache.
_CHUNK = 16_384


class LabelNetwork(nn.Module):
    """Copy of a fitted model that gives labels and nothing else.

    Batch normalization is folded into the convolutions, which run in channels-last
    order.
    """

    def __init__(self, model: KTexturesModel) -> None:
        """Initialize a new LabelNetwork instance.

        Args:
            model: Fitted model, which is left as it is.
        """
        super().__init__()
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        _fold(self.model.mask_network)

    @torch.inference_mode()
    def forward(self, image: Tensor, valid: Tensor) -> Tensor:
        """Compute logits on the mask grid.

        Args:
            image: Bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.

        Returns:
            Logits of shape ``(B, k, ceil(H / s), ceil(W / s))``.
        """
        x = self.model.prepare(image, valid)
        return self.model.coarse_logits(x, valid).float()

    def predict(
        self,
        image: Tensor,
        valid: Tensor,
        keys: Collection[str] = ('labels',),
        core: tuple[slice, slice] | None = None,
    ) -> dict[str, Tensor]:
        """Compute what is asked for of each pixel.

        Args:
            image: Bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.
            keys: Names of what is asked for.
            core: Rows and columns that are wanted (defaults to all). It is faster than
                to compute all, and gives the same.

        Returns:
            'labels' of shape ``(B, H, W)`` and 'confidence' of the same in percent, both
            -1 where invalid, and 'probabilities' of shape ``(B, k, H, W)``. Outside of
            the core, labels and confidence are -1, and probabilities 0.
        """
        height, width = image.shape[-2:]
        rows, cols = core or (slice(0, height), slice(0, width))
        stride = self.model.mask_network.mask_stride
        logits, down, across = self._logits_of(image, valid, rows, cols)
        # Pixels of these cells, and the core among them.
        size = (
            min(down.stop * stride, height) - down.start * stride,
            min(across.stop * stride, width) - across.start * stride,
        )
        inner_rows = _within(rows, down.start * stride)
        inner_cols = _within(cols, across.start * stride)
        invalid = valid[:, 0, rows, cols] <= 0
        # What was not asked for stays empty.
        margins = (
            cols.start,
            width - cols.stop,
            rows.start,
            height - rows.stop,
        )
        found = {}
        if 'labels' in keys:
            labels = upsample_labels(logits, stride, size)[:, inner_rows, inner_cols]
            found['labels'] = F.pad(labels.masked_fill(invalid, -1), margins, value=-1)
        if 'confidence' in keys:
            ahead = class_confidence(logits, stride, size)[:, inner_rows, inner_cols]
            found['confidence'] = F.pad(
                ahead.masked_fill(invalid, -1), margins, value=-1
            )
        if 'probabilities' in keys:
            fine = upsample_logits(logits, stride, size)[:, :, inner_rows, inner_cols]
            found['probabilities'] = F.pad(fine.softmax(1), margins)
        return found

    @torch.inference_mode()
    def _logits_of(
        self, image: Tensor, valid: Tensor, rows: slice, cols: slice
    ) -> tuple[Tensor, slice, slice]:
        """Logits of the cells that decide some rows and columns, and these cells."""
        model = self.model
        x = model.prepare(image, valid)
        stride = model.mask_network.mask_stride
        grid = [-(-n // stride) for n in x.shape[-2:]]
        # Interpolation reaches one cell to each side.
        down, across = (
            slice(max(part.start // stride - 1, 0), min(-(-part.stop // stride) + 1, n))
            for part, n in zip((rows, cols), grid, strict=True)
        )
        # The network needs all of the context, local colour little of it.
        reach = model.prior.moments.reach if model.needs_network else model.prior.reach
        cells = -(-reach // stride)
        top, left = (max(part.start - cells, 0) for part in (down, across))
        near, inside = (
            y[
                ...,
                top * stride : (down.stop + cells) * stride,
                left * stride : (across.stop + cells) * stride,
            ]
            for y in (x, valid)
        )
        part = (..., _within(down, top), _within(across, left))
        if not model.needs_network:
            return model.coarse_logits(near, inside)[part].float(), down, across
        logits = model.network_logits(x)[..., down, across]
        if model.prior.is_fitted:
            logits = logits + model.prior(near, inside)[part]
        return logits.float(), down, across


def _within(part: slice, start: int) -> slice:
    """A part as seen from a place before it."""
    return slice(part.start - start, part.stop - start)


def _fold(module: nn.Module) -> None:
    """Fold batch normalization into the convolution before it."""
    for child in module.children():
        if isinstance(child, nn.Sequential) and len(child) > 1:
            first, second = child[0], child[1]
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                child[0] = fuse_conv_bn_eval(first, second)
                del child[1]
                continue
        _fold(child)


def upsample_labels(logits: Tensor, stride: int, size: tuple[int, int]) -> Tensor:
    """Find the class of each pixel from logits on the mask grid.

    The result is the argmax of the interpolated logits. Between four cells with the
    same class, interpolation cannot change it, so only the others are interpolated.

    Args:
        logits: Logits of shape ``(B, k, ceil(H / s), ceil(W / s))``.
        stride: Mask stride s.
        size: Height and width in pixels, ``(H, W)``.

    Returns:
        Labels of shape ``(B, H, W)``, int16 or, for many classes, int32.
    """
    batch, classes, height, width = logits.shape
    dtype = torch.int16 if classes < 2**15 else torch.int32
    if stride == 1:
        return _argmax(logits.transpose(0, 1), dtype)[:, : size[0], : size[1]]
    padded = F.pad(logits, (1, 1, 1, 1), mode='replicate')
    # (B, h + 2, w + 2, k): the vectors of a cell side by side.
    padded = padded.permute(0, 2, 3, 1).contiguous()
    coarse = padded.argmax(-1).to(dtype)
    corners = [
        coarse[:, i : i + height + 1, j : j + width + 1] for i in (0, 1) for j in (0, 1)
    ]
    first = corners[0]
    mixed = torch.stack([first != other for other in corners[1:]]).any(0)
    labels = first[..., None].expand(*first.shape, stride * stride).contiguous()
    places = mixed.flatten().nonzero()[:, 0]
    offset = (torch.arange(stride, device=logits.device) + 0.5) / stride
    one = torch.stack([1 - offset, offset])
    weights = torch.einsum('ip,jq->ijpq', one, one).reshape(4, -1)
    flat = labels.view(-1, stride * stride)
    vectors = padded.view(-1, classes)
    rows = places // (width + 1)
    # A row of cells has one corner more than it has places.
    cells = rows * (width + 2) + places % (width + 1)
    cells += rows // (height + 1) * (width + 2)
    steps = torch.tensor([0, 1, width + 2, width + 3], device=logits.device)
    for i in range(0, len(places), _CHUNK):
        index = cells[i : i + _CHUNK, None] + steps
        values = vectors[index]  # (n, 4, k)
        fine = torch.einsum('nck,cp->knp', values, weights)
        flat[places[i : i + _CHUNK]] = _argmax(fine, dtype)
    shape = (batch, height + 1, width + 1, stride, stride)
    labels = labels.view(shape).transpose(2, 3).flatten(3).flatten(1, 2)
    half = stride // 2
    return labels[:, half : half + size[0], half : half + size[1]]


def _argmax(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Argmax over the first dimension, faster than ``argmax`` on a CPU."""
    best = values[0].clone()
    labels = torch.zeros(best.shape, dtype=dtype, device=best.device)
    for i, value in enumerate(values[1:], 1):
        labels.masked_fill_(value > best, i)
        torch.maximum(best, value, out=best)
    return labels


@torch.inference_mode()
def class_confidence(logits: Tensor, stride: int, size: tuple[int, int]) -> Tensor:
    """How far ahead the class of each pixel is.

    Args:
        logits: Logits of shape ``(B, k, ceil(H / s), ceil(W / s))``.
        stride: Mask stride s.
        size: Height and width in pixels, ``(H, W)``.

    Returns:
        Difference of the two highest probabilities in percent, of shape ``(B, H, W)``,
        int16.
    """
    best = upsample_logits(logits, stride, size).softmax(1).topk(2, 1).values
    return ((best[:, 0] - best[:, 1]) * 100).round().to(torch.int16)
