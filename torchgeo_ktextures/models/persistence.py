# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""How much values and classes persist in space."""

from collections.abc import Sequence

import torch
from torch import Tensor


def autocorrelation(
    maps: Sequence[Tensor], valids: Sequence[Tensor], lag: int
) -> Tensor:
    """Spatial autocorrelation of each component, along its better direction.

    Args:
        maps: Batches of vectors of shape ``(B, h, w, m)``.
        valids: Validity of their cells, bool, of shape ``(B, h, w)``.
        lag: Distance in cells.

    Returns:
        Correlations clipped to 0 and 1, of shape ``(m,)``; 1 where maps are too small
        to tell.
    """
    cells = torch.cat([m[v] for m, v in zip(maps, valids, strict=True)])
    mean, variance = cells.mean(0), cells.double().var(0).clamp(min=1e-12)
    ratios = []
    for dim in (1, 2):
        products = [
            ((one - mean) * (two - mean)) for one, two in _pairs(maps, valids, lag, dim)
        ]
        pairs = torch.cat(products) if products else cells[:0]
        if len(pairs):
            ratios.append(pairs.double().mean(0) / variance)
    if not ratios:
        return torch.ones_like(variance)
    return torch.stack(ratios).amax(0).clamp(0, 1)


def persistence(labels: Sequence[Tensor], valids: Sequence[Tensor], lag: int) -> float:
    """Agreement of classes at a distance beyond chance (Cohen's kappa).

    Classes are regions: of two ways to divide a scene, the one of which the classes go
    on over some pixels tells more about what is there.

    Args:
        labels: Batches of labels of shape ``(B, h, w)``.
        valids: Validity of their cells, bool, of the same shapes.
        lag: Distance in cells.

    Returns:
        1 if classes always go on, 0 if they do as often as by chance.
    """
    pairs = [p for dim in (1, 2) for p in _pairs(labels, valids, lag, dim)]
    same = sum(int((one == two).sum()) for one, two in pairs)
    count = sum(len(one) for one, _ in pairs)
    cells = torch.cat([x[v] for x, v in zip(labels, valids, strict=True)])
    shares = cells.bincount() / len(cells)
    chance = float(shares.square().sum())
    if count == 0 or chance == 1:
        return 0.0
    return (same / count - chance) / (1 - chance)


def _pairs(
    maps: Sequence[Tensor], valids: Sequence[Tensor], lag: int, dim: int
) -> list[tuple[Tensor, Tensor]]:
    """Values of all pairs of valid cells at a distance along a dimension."""
    pairs = []
    for values, valid in zip(maps, valids, strict=True):
        size = values.shape[dim] - lag
        if size > 0:
            ok = valid.narrow(dim, 0, size) & valid.narrow(dim, lag, size)
            one, two = (values.narrow(dim, i, size)[ok] for i in (0, lag))
            pairs.append((one, two))
    return pairs
