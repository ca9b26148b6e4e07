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
from sklearn.cluster import KMeans
from torch import Tensor

from .settings import CONSENSUS_ITERATIONS

#: How often each combination is taken to have been seen before (Jeffreys' prior).
_PRIOR = 0.5


def combine(members: Sequence[Tensor], num_classes: int, seed: int) -> Tensor:
    """Combine partitions, which may have different numbers of classes.

    Given the class that a place is of, each member chooses its own class independently.
    Places on which members agree fix the classes; where they differ, most votes win,
    those of members that agree with the others counting the most.

    Args:
        members: Responsibilities of the members, each of shape ``(N, k_m)``, double.
        num_classes: Number of classes, k.
        seed: Seed of the start, which is k-means.

    Returns:
        Responsibilities of shape ``(N, k)``, double.
    """
    votes = torch.cat(list(members), dim=1)
    kmeans = KMeans(num_classes, n_init=4, random_state=seed)
    labels = kmeans.fit_predict(votes.float().numpy())
    responsibilities = F.one_hot(torch.from_numpy(labels).long(), num_classes).double()
    for _ in range(CONSENSUS_ITERATIONS):
        counts = responsibilities.sum(0)
        chosen = (responsibilities.T @ votes + _PRIOR) / (counts[:, None] + _PRIOR)
        weights = (counts + 1e-6) / (counts + 1e-6).sum()
        likelihood = votes @ chosen.clamp(max=1).log().T + weights.log()
        responsibilities = likelihood.softmax(1)
    return responsibilities
