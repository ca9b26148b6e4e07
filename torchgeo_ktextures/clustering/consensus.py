# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""One partition from many: a latent class model of what the members of an ensemble say.

If you use this method in your research, please cite the following papers:

* https://doi.org/10.1109/TPAMI.2005.237 (Topchy et al., 2005)
* https://doi.org/10.1109/TPAMI.2005.113 (Fred and Jain, 2005)
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from torch import Tensor

from .settings import (
    CONSENSUS_COMPONENTS,
    CONSENSUS_ITERATIONS,
    CONSENSUS_STARTS,
    WARD_SAMPLES,
)
from .ward_start import WardStart

#: How often each combination is taken to have been seen before (Jeffreys' prior).
_PRIOR = 0.5


def combine(members: Sequence[Tensor], num_classes: int) -> Tensor:
    """Combine partitions, which may have different numbers of classes.

    Given the class that a place is of, each member chooses its own class independently.
    Places on which members agree fix the classes; where they differ, most votes win,
    those of members that agree with the others counting the most.

    Args:
        members: Responsibilities of the members, each of shape ``(N, k_m)``, double.
        num_classes: Number of classes, k.

    Returns:
        Responsibilities of shape ``(N, k)``, double.
    """
    votes = torch.cat(list(members), dim=1)
    # Distances hardly change, and starts take a fraction of the time.
    count = min(CONSENSUS_COMPONENTS, *votes.shape)
    reduced = PCA(count, random_state=0).fit_transform(votes.float().numpy())
    # Each start is of other places, of which there are enough.
    step = len(votes) // max(WARD_SAMPLES, num_classes)
    step = min(max(step, 1), CONSENSUS_STARTS)
    starts = []
    for first in range(step):
        labels = WardStart(reduced, first, step).partition(num_classes)
        start = F.one_hot(torch.from_numpy(labels).long(), num_classes).double()
        starts.append(_iterate(votes, start, CONSENSUS_ITERATIONS // 4))
    best, _ = max(starts, key=lambda start: start[1])
    return _iterate(votes, best, CONSENSUS_ITERATIONS)[0]


def _iterate(
    votes: Tensor, responsibilities: Tensor, iterations: int
) -> tuple[Tensor, float]:
    """Expectation maximization: responsibilities, and the log-likelihood of a place."""
    logits = responsibilities.T
    for _ in range(iterations):
        counts = responsibilities.sum(0)
        chosen = (responsibilities.T @ votes + _PRIOR) / (counts[:, None] + _PRIOR)
        weights = (counts + 1e-6) / (counts + 1e-6).sum()
        # Along columns, softmax is several times as fast.
        logits = chosen.clamp(max=1).log() @ votes.T + weights.log()[:, None]
        responsibilities = logits.softmax(0).T
    return responsibilities, float(logits.logsumexp(0).mean())
