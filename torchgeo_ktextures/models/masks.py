# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Hard masks: exactly one class per pixel, with gradients."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class _HardMasks(torch.autograd.Function):
    """One-hot encoding forward, hard sigmoid of the margins backward."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, slope: float) -> Tensor:
        first, winner = logits.max(1, keepdim=True)
        rest = logits.scatter(1, winner, -torch.inf)
        second, runner_up = rest.max(1, keepdim=True)
        # Margins over the best of the others: the winner's is the runner-up.
        margins = (logits - first).scatter_(1, winner, first - second)
        ctx.save_for_backward(margins.abs_() < 0.5 / slope, winner, runner_up)
        ctx.slope = slope
        return torch.zeros_like(logits).scatter_(1, winner, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        inside, winner, runner_up = ctx.saved_tensors
        own = grad * inside * ctx.slope
        of_winner = own.gather(1, winner)
        of_second = own.gather(1, runner_up)
        # A rival loses what others gain.
        of_rest = own.sum(1, keepdim=True) - of_winner
        own.scatter_(1, winner, of_winner - of_rest)
        own.scatter_(1, runner_up, of_second - of_winner)
        return own, None


def hard_masks(logits: Tensor, slope: float = 1.0) -> Tensor:
    """Binarize logits with a straight-through hard sigmoid.

    Forward, the masks are the one-hot encoding of the argmax: the limit of
    ``hard_sigmoid(slope * margin)`` for a steep slope, with ties broken so that each
    pixel has exactly one class. The margin of a class is the difference of its logit
    and the best of the others. Backward, gradients flow through the hard sigmoid
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
    if not logits.requires_grad:
        return torch.zeros_like(logits).scatter_(1, logits.argmax(1, keepdim=True), 1)
    masks: Tensor = _HardMasks.apply(logits, slope)
    return masks
