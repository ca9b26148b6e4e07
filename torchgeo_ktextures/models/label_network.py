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
from .pixel_labels import class_confidence, pixel_logits, upsample_labels


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
        x = self.model.prepare(image, valid)
        logits, down, across = self._logits_of(x, valid, rows, cols)
        # Pixels of these cells, and the core among them.
        own = (
            ...,
            slice(down.start * stride, down.stop * stride),
            slice(across.start * stride, across.stop * stride),
        )
        size = (x[own].shape[-2], x[own].shape[-1])
        evidence = self.model.evidence(x[own], valid[own])
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
            labels = upsample_labels(logits, stride, size, evidence)
            labels = labels[:, inner_rows, inner_cols]
            found['labels'] = F.pad(labels.masked_fill(invalid, -1), margins, value=-1)
        if 'confidence' in keys:
            ahead = class_confidence(logits, stride, size, evidence)
            ahead = ahead[:, inner_rows, inner_cols]
            found['confidence'] = F.pad(
                ahead.masked_fill(invalid, -1), margins, value=-1
            )
        if 'probabilities' in keys:
            fine = pixel_logits(logits, stride, size, evidence)
            fine = fine[:, :, inner_rows, inner_cols]
            found['probabilities'] = F.pad(fine.softmax(1), margins)
        return found

    @torch.inference_mode()
    def _logits_of(
        self, x: Tensor, valid: Tensor, rows: slice, cols: slice
    ) -> tuple[Tensor, slice, slice]:
        """Logits of the cells that decide some rows and columns, and these cells."""
        model = self.model
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
