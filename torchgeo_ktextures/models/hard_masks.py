# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Hard masks: exactly one class per pixel, with gradients."""

import torch
from torch import Tensor


def class_margins(logits: Tensor) -> Tensor:
    """Margin of each class over the best of the others.

    Args:
        logits: Logits of shape ``(B, k, H, W)`` with k >= 2.

    Returns:
        Margins ``z_i - max_{j != i} z_j`` of the same shape.
    """
    first = logits.amax(1, keepdim=True)
    top = logits.detach() == first.detach()
    second = logits.masked_fill(top, -torch.inf).amax(1, keepdim=True)
    # The winner's rival is the runner-up; at a tie both margins are zero.
    alone = top & (top.sum(1, keepdim=True) == 1)
    return logits - torch.where(alone, second, first)


def hard_masks(logits: Tensor, slope: float = 1.0) -> Tensor:
    """Binarize logits with a straight-through hard sigmoid.

    Forward, the masks are the one-hot encoding of the argmax: the limit of
    ``hard_sigmoid(slope * margin)`` for a steep slope, with ties broken so that each
    pixel has exactly one class. Backward, gradients flow through the hard sigmoid
    ``clip(0.5 + slope * margin, 0, 1)`` of the given, gentler slope.

    If you use this function in your research, please cite the following paper:

    * https://arxiv.org/abs/2205.08671 (section 2.2)

    Args:
        logits: Logits of shape ``(B, k, H, W)`` with k >= 2.
        slope: Slope of the backward pass. Pixels with a margin beyond
            ``0.5 / slope`` get no gradient.

    Returns:
        Masks of shape ``(B, k, H, W)``, exactly 0 or 1, summing to 1 over classes.
    """
    labels = logits.argmax(dim=1, keepdim=True)
    hard = torch.zeros_like(logits).scatter_(1, labels, 1)
    if not logits.requires_grad:
        return hard
    soft = (0.5 + slope * class_margins(logits)).clamp(0, 1)
    return hard + (soft - soft.detach())
