# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""How many classes the data supports.

If you use this in your research, please cite the following paper:

* https://doi.org/10.1016/j.csda.2006.11.025 (Hennig, 2007)
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .cells import Sample
from .ensemble import Ensemble
from .feature_space import FeatureSpace
from .mixture import ClassMixture
from .settings import CELL, ENOUGH, PERSISTENCE_LAGS, SELECTION_SAMPLES
from .spatial import label_persistence

#: What is told of each number of classes, a list for each criterion.
type Table = dict[str, list[float]]


@torch.no_grad()
def compare_numbers(
    sample: Sample, space: FeatureSpace, numbers: Sequence[int]
) -> Table:
    """Find classes of each number, and tell how well the data supports them.

    Only the ensemble of mixtures is fitted, on a part of the cells.

    Args:
        sample: What is measured in the cells, moments and views included.
        space: Space of the features, which is fitted.
        numbers: Numbers of classes, from 2.

    Returns:
        ``n_clusters``, and for each: ``stability``, the lowest Jaccard index with which
        a class is found again by the members of the ensemble, a mean over members;
        ``persistence``, the lowest chance-corrected probability that a class goes on
        at a distance of 12 to 20 pixels; ``score``, the first times the root of the
        second; ``agreement``, the mean adjusted Rand index of the members with the
        classes; ``log_likelihood`` of a cell, and ``bic``, the Bayesian information
        criterion, for cells that are taken for independent.

    Raises:
        ValueError: If there are fewer different cells than classes.
    """
    table: Table = {'n_clusters': []}
    ensemble = Ensemble(sample, space, SELECTION_SAMPLES, max(numbers))
    lag = PERSISTENCE_LAGS[ensemble.color_weight < 1] // CELL
    for k in numbers:
        found, members = ensemble.find(k, (1.0,))
        responsibilities, likelihood = found.mixture.double().e_step(
            ensemble.vectors, ensemble.moments
        )
        labels = responsibilities.argmax(1).numpy()
        others = [m.responsibilities.argmax(1).numpy() for m in members]
        maps = _labels(sample, space, found.mixture.float())
        row = {
            'n_clusters': k,
            'stability': lowest_jaccard(labels, others, k),
            'persistence': label_persistence(maps, sample.valids, lag, k),
            'score': 0.0,
            'agreement': found.agreement,
            'log_likelihood': likelihood,
            'bic': _bic(found.mixture, likelihood, len(labels)),
        }
        row['score'] = row['stability'] * math.sqrt(row['persistence'])
        for name, value in row.items():
            table.setdefault(name, []).append(value)
    return table


def choose_number(table: Table) -> int:
    """Choose the number of classes.

    That is the largest one of which the score is still close to the best: more classes
    would be halves of others, that each member of the ensemble cuts elsewhere, or that
    are mixed like salt and pepper.

    Args:
        table: What :func:`compare_numbers` returns.

    Returns:
        Number of classes.
    """
    least = ENOUGH * max(table['score'])
    enough = [
        int(k)
        for k, score in zip(table['n_clusters'], table['score'], strict=True)
        if score >= least
    ]
    return max(enough)


def lowest_jaccard(
    labels: npt.NDArray[np.int64], others: Sequence[npt.NDArray[np.int64]], k: int
) -> float:
    """Measure how well the class that is found again worst is found again.

    Args:
        labels: Labels of shape ``(N,)``.
        others: Other labels of the same places.
        k: Number of classes of each.

    Returns:
        Lowest of the means over the others of the highest Jaccard index of a class with
        one of theirs, 0 for a class without places.
    """
    means = np.zeros(k)
    for other in others:
        both = np.bincount(labels * k + other, minlength=k * k).reshape(k, k)
        either = both.sum(1)[:, None] + both.sum(0) - both
        means += (both / np.maximum(either, 1)).max(1)
    return float(means.min() / max(len(others), 1))


def _labels(sample: Sample, space: FeatureSpace, mixture: ClassMixture) -> list[Tensor]:
    """Most likely class of each cell, from its middle."""
    maps = []
    for pooled, moments in zip(sample.pooled, sample.moments, strict=True):
        vectors = space(pooled)
        shape = vectors.shape[:3]
        energy = mixture(vectors.flatten(0, 2), moments.movedim(1, -1).flatten(0, 2))
        maps.append(energy.view(*shape, -1).argmin(-1).cpu())
    return maps


def _bic(mixture: ClassMixture, likelihood: float, count: int) -> float:
    k, d = mixture.gaussians.mean.shape
    parameters = k - 1 + k * mixture.prototypes.shape[1] + k * d * (d + 3) / 2
    return parameters * math.log(count) - 2 * likelihood * count
