# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Classes of cells that heed what their neighbours are."""

from typing import Any

import torch
from torch import Tensor

from .settings import SMOOTHING, SMOOTHING_ROUNDS

#: Rows and columns from a cell to half of its neighbours, and their weight: the other
#: half is on the opposite side. Those at corners share the least border.
_NEIGHBOURS = (((0, 1), 1.0), ((1, 0), 1.0), ((1, 1), 0.5), ((1, -1), 0.5))


def smooth(logits: Tensor, guide: Tensor, valid: Tensor, contrast: Tensor) -> Tensor:
    """Draw the classes of cells towards those of neighbours that look alike.

    Regions are larger than cells, so single cells of another class mostly are noise,
    and strips along edges are mixtures of both sides. A Potts model says so: each
    neighbour of another class costs the more, the more alike both look. Its mean field
    is found by a few rounds, each of which sees one cell further.

    If you use this in your research, please cite the following papers:

    * https://doi.org/10.1017/S0305004100027419 (Potts, 1952)
    * https://doi.org/10.1109/ICCV.2001.937505 (Boykov and Jolly, 2001)
    * https://doi.org/10.1016/S0031-3203(02)00027-4 (Celeux et al., 2003)

    Args:
        logits: Logits of shape ``(B, k, h, w)``.
        guide: What cells look like, of shape ``(B, C, h, w)``.
        valid: Whether cells have data, bool, of shape ``(B, 1, h, w)``. Others have no
            say.
        contrast: Mean squared difference of neighbours, see
            :func:`.spatial.mean_contrast`.

    Returns:
        Logits of the same shape: logarithms of probabilities, but for what is the same
        for all classes.

    Example:
        >>> logits = torch.tensor([2.0, 2, -1, 2, 2]).view(1, 1, 1, 5)
        >>> logits = torch.cat([logits, -logits], 1)
        >>> valid = torch.ones(1, 1, 1, 5, dtype=torch.bool)
        >>> guide = torch.zeros(1, 4, 1, 5)
        >>> smooth(logits, guide, valid, torch.tensor(1.0)).argmax(1)
        tensor([[[0, 0, 0, 0, 0]]])
    """
    height, width = guide.shape[-2:]
    pairs = []
    total = torch.zeros_like(guide[:, :1])
    for (down, right), share in _NEIGHBOURS:
        here, there = _both_sides((height, width), down, right)
        difference = (guide[here] - guide[there]).square().sum(1, keepdim=True)
        weight = (difference / (-2 * contrast.clamp(min=1e-12))).exp_().mul_(share)
        weight *= valid[here] & valid[there]
        total[here] += weight
        total[there] += weight
        pairs.append((here, there, weight))
    # Cells without neighbours are left as they are.
    scale = SMOOTHING / total.clamp(min=1e-6)
    found = logits
    for _ in range(SMOOTHING_ROUNDS):
        shares = found.softmax(1)
        found = torch.zeros_like(logits)
        for here, there, weight in pairs:
            found[here].addcmul_(shares[there], weight)
            found[there].addcmul_(shares[here], weight)
        found = found.mul_(scale).add_(logits)
    return found


def _both_sides(
    size: tuple[int, int], down: int, right: int
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Where the cells are that have a neighbour, and where the neighbours are."""
    height, width = size
    left, shifted = max(-right, 0), max(right, 0)
    here = (..., slice(height - down), slice(left, width - shifted))
    there = (..., slice(down, height), slice(shifted, width - left))
    return here, there
