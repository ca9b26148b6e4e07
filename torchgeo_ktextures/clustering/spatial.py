# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""How values vary in space: what goes on, and what is noise."""

from collections.abc import Iterator, Sequence

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
    cells = torch.cat([m[v] for m, v in zip(maps, valids, strict=True)]).double()
    mean, variance = cells.mean(0), cells.var(0).clamp(min=1e-12)
    del cells  # they are many
    ratios = []
    for dim in (1, 2):
        total, pairs = torch.zeros_like(mean), 0
        for one, two in _pairs(maps, valids, lag, dim):
            total += ((one - mean) * (two - mean)).sum(0)
            pairs += len(one)
        if pairs:
            ratios.append(total / pairs / variance)
    if not ratios:
        return torch.ones_like(variance)
    return torch.stack(ratios).amax(0).clamp(0, 1)


def noise_whitening(
    maps: Sequence[Tensor], valids: Sequence[Tensor], lag: int
) -> Tensor:
    """Find the space in which differences of neighbours have unit covariance.

    Distances in it say how far two places are apart in units of what changes anyway
    within a region: k-means then finds regions, and not the bands of most contrast.

    If you use this transform in your research, please cite the following paper:

    * https://doi.org/10.1109/36.3001 (Green et al., 1988)

    Args:
        maps: Batches of vectors of shape ``(B, h, w, m)``.
        valids: Validity of their cells, bool, of shape ``(B, h, w)``.
        lag: Distance of neighbours in cells.

    Returns:
        Matrix of shape ``(m, m)``, double, by which row vectors are multiplied; they
        have a total variance of one then.
    """
    cells = torch.cat([m[v] for m, v in zip(maps, valids, strict=True)]).double()
    total = cells.T.cov(correction=0)
    del cells  # they are many
    noise, count = torch.zeros_like(total), 0
    for dim in (1, 2):
        for one, two in _pairs(maps, valids, lag, dim):
            difference = (one - two).double()
            noise += difference.T @ difference / 2
            count += len(difference)
    # Bands that hardly vary from place to place must not count without limit.
    ridge = 1e-3 * total.trace() / len(total) + 1e-12
    identity = torch.eye(len(noise), dtype=noise.dtype)
    factor = torch.linalg.cholesky(noise / max(count, 1) + ridge * identity)
    matrix = torch.linalg.solve_triangular(factor, identity, upper=False).T
    variance = (matrix.T @ total @ matrix).trace()
    whitening: Tensor = matrix / variance.clamp(min=1e-12).sqrt()
    return whitening


def mean_contrast(
    maps: Sequence[Tensor], valids: Sequence[Tensor], lag: int = 1
) -> Tensor:
    """Measure how much neighbours in a row or column differ.

    Args:
        maps: Batches of vectors of shape ``(B, h, w, m)``.
        valids: Validity of their cells, bool, of shape ``(B, h, w)``.
        lag: Distance in cells.

    Returns:
        Mean squared distance, 0 where no cell has a neighbour.
    """
    total, pairs = torch.zeros((), dtype=torch.float64), 0
    for dim in (1, 2):
        for one, two in _pairs(maps, valids, lag, dim):
            total += (one - two).square().sum(1).double().sum()
            pairs += len(one)
    return total / max(pairs, 1)


def label_persistence(
    maps: Sequence[Tensor], valids: Sequence[Tensor], lag: int, num_classes: int
) -> float:
    """Measure how much the class that is most scattered goes on in space.

    Args:
        maps: Batches of labels, of shape ``(B, h, w)``.
        valids: Validity of their cells, bool, of the same shape.
        lag: Distance in cells.
        num_classes: Number of classes, k.

    Returns:
        Lowest of the probabilities, corrected for chance, that a cell is of the same
        class as one at the distance in the same row or column: 1 for regions that are
        much larger, 0 for salt and pepper or a class without cells. 1 where maps are too
        small to tell.
    """
    k = num_classes
    pairs = torch.zeros(k, k, dtype=torch.float64)
    labels = [m[..., None] for m in maps]
    for dim in (1, 2):
        for one, two in _pairs(labels, valids, lag, dim):
            index = (one * k + two).flatten()
            pairs += torch.bincount(index, minlength=k * k).view(k, k)
    if not pairs.sum():
        return 1.0
    pairs = (pairs + pairs.T) / (2 * pairs.sum())
    share = pairs.sum(1)
    goes_on = pairs.diagonal() / share.clamp(min=1e-12)
    corrected = (goes_on - share) / (1 - share).clamp(min=1e-12)
    return float(corrected.min().clamp(0, 1))


def _pairs(
    maps: Sequence[Tensor], valids: Sequence[Tensor], lag: int, dim: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Values of all pairs of valid cells at a distance along a dimension, by maps."""
    for values, valid in zip(maps, valids, strict=True):
        size = values.shape[dim] - lag
        if size > 0:
            ok = valid.narrow(dim, 0, size) & valid.narrow(dim, lag, size)
            one, two = (values.narrow(dim, i, size)[ok] for i in (0, lag))
            yield one, two
