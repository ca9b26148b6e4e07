# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""In which order classes are merged when there are to be fewer.

If you use this in your research, please cite the following papers:

* https://doi.org/10.1007/s11634-010-0058-3 (Hennig, 2010)
* https://proceedings.neurips.cc/paper/1999/hash/be3e9d3f7d70537357c67bb3f4086846-Abstract.html
  (Slonim and Tishby, 1999)
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from scipy.cluster.hierarchy import ward
from torch import Tensor

from .settings import LINKAGE_SIZE_POWER


def link_by_votes(
    responsibilities: Tensor, members: Sequence[Tensor]
) -> npt.NDArray[np.float64]:
    """Merge those classes first that members of an ensemble tell apart least.

    The cost of a merge is the Jensen-Shannon divergence of the votes for both classes,
    times a small power of the share of the smaller one: zero where no member tells them
    apart, and at most ln 2. Costs are those of a single merge, so that they may fall;
    the linkage has the highest cost up to then, as a dendrogram needs.

    Args:
        responsibilities: Probability of each class at each place of a sample, of shape
            ``(N, k)``.
        members: Responsibilities of the members there, each of shape ``(N, k_m)``.

    Returns:
        Linkage matrix of SciPy, of shape ``(k - 1, 4)``. The larger part of each merge
        comes first.
    """
    counts = responsibilities.double().sum(0)
    votes = torch.cat([responsibilities.double().T @ m.double() for m in members], 1)
    sums, shares = votes.numpy(), (counts / counts.sum()).numpy()
    k = len(sums)
    ids, leaves = list(range(k)), [1] * k
    alive = list(range(k))
    rows: list[list[float]] = []
    cost = np.full((k, k), np.inf)
    for i in range(k):
        for j in range(i):
            cost[i, j] = cost[j, i] = _cost(sums, shares, len(members), i, j)
    highest = 0.0
    while len(alive) > 1:
        part = cost[np.ix_(alive, alive)]
        i, j = (alive[n] for n in np.unravel_index(part.argmin(), part.shape))
        if shares[i] < shares[j]:
            i, j = j, i
        highest = max(highest, cost[i, j])
        leaves[i] += leaves[j]
        rows.append([ids[i], ids[j], highest, leaves[i]])
        ids[i] = k + len(rows) - 1
        sums[i] += sums[j]
        shares[i] += shares[j]
        alive.remove(j)
        for n in alive:
            if n != i:
                cost[i, n] = cost[n, i] = _cost(sums, shares, len(members), i, n)
    return np.array(rows, float).reshape(-1, 4)


def _cost(
    sums: npt.NDArray[np.float64],
    shares: npt.NDArray[np.float64],
    members: int,
    i: int,
    j: int,
) -> float:
    """Cost of a merge, from the sums of the votes for each class."""
    smaller = min(shares[i], shares[j])
    if smaller < 1e-9:
        return 0.0
    one, two = (sums[n] / sums[n].sum() * members for n in (i, j))
    middle = _negative_entropy((one + two) / 2)
    divergence = (_negative_entropy(one) + _negative_entropy(two)) / 2 - middle
    return float(max(divergence, 0) / members * smaller**LINKAGE_SIZE_POWER)


def _negative_entropy(p: npt.NDArray[np.float64]) -> float:
    return float((p * np.log(np.maximum(p, 1e-12))).sum())


def link_by_distance(
    centers: npt.NDArray[np.floating], shares: npt.NDArray[np.floating] | None = None
) -> npt.NDArray[np.float64]:
    """Merge classes by the distance of their centres, where there is no ensemble.

    Args:
        centers: Centre of each class, of shape ``(k, m)``.
        shares: Share of each class (defaults to equal ones).

    Returns:
        Linkage matrix of Ward's method, in which the larger part of each merge comes
        first.
    """
    k = len(centers)
    if k < 2:
        return np.zeros((0, 4))
    linkage: npt.NDArray[np.float64] = ward(np.asarray(centers, float))
    sizes = [1.0] * k if shares is None else [float(share) for share in shares]
    for row in linkage:
        one, two = int(row[0]), int(row[1])
        if sizes[one] < sizes[two]:
            row[:2] = two, one
        sizes.append(sizes[one] + sizes[two])
    return linkage
