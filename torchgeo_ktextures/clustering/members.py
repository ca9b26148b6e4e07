# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The members of the ensemble: mixtures that see the data in different ways."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from torch import Tensor

from .mixture import ClassMixture
from .settings import MEMBER_ITERATIONS, PCA_VARIANCE
from .ward_start import WardStart


class View(NamedTuple):
    """Local moments of one window on one scale."""

    window: int
    logarithmic: bool
    #: Moments of the sample, of shape ``(N, 2 * C)``, double.
    moments: Tensor
    #: See :func:`~.spatial.noise_whitening`.
    whitening: Tensor


class Score(NamedTuple):
    """How a member of the ensemble did."""

    window: int
    logarithmic: bool
    start: str
    num_classes: int
    log_likelihood: float
    #: Adjusted Rand index with the classes that were found.
    agreement: float = math.nan


class Member(NamedTuple):
    """A mixture of the ensemble, and what it says of the sample."""

    score: Score
    #: Of shape ``(N, k)``.
    responsibilities: Tensor


def fit_members(
    views: Sequence[View],
    vectors: Tensor,
    color_weight: float,
    num_classes: int,
    multiples: Sequence[float],
) -> Iterator[Member]:
    """Fit the mixtures.

    No single window, scale, start or number of classes is right for all scenes, and
    which one is cannot be told without labels. So all are used, and none of them
    depends on chance.

    Args:
        views: Local moments of each window on each scale.
        vectors: Reduced features of the sample, of shape ``(N, m)``, double.
        color_weight: How much moments count beside features, from 0 to 1.
        num_classes: Number of classes, k.
        multiples: Numbers of classes of the members, as multiples of k.

    Yields:
        The members.
    """
    for view in views:
        starts = {
            'noise': WardStart(
                _balanced(view.moments @ view.whitening, vectors, color_weight)
            ),
            'color': WardStart(_balanced(_means(view.moments), vectors, color_weight)),
        }
        for multiple in multiples:
            k = max(2, round(multiple * num_classes))
            for name, start in starts.items():
                labels = torch.from_numpy(start.partition(k)).long()
                one_hot = F.one_hot(labels, k).double()
                mixture = ClassMixture(k, view.moments.shape[1], vectors.shape[1])
                mixture.color_weight.fill_(color_weight)
                found, likelihood = mixture.fit(
                    vectors, view.moments, one_hot, MEMBER_ITERATIONS
                )
                score = Score(view.window, view.logarithmic, name, k, likelihood)
                yield Member(score, found)


def _means(moments: Tensor) -> Tensor:
    """Mean colour alone, with a total variance of one."""
    means = moments[:, : moments.shape[1] // 2]
    # Some clouds must not be all that k-means sees.
    low, high = means.quantile(torch.tensor([0.05, 0.95]).to(means), dim=0)
    means = means.clamp(2 * low - high, 2 * high - low)
    scaled: Tensor = means / (means.std(0).clamp(min=1e-6) * means.shape[1] ** 0.5)
    return scaled


def _balanced(
    moments: Tensor, vectors: Tensor, color_weight: float
) -> npt.NDArray[np.float32]:
    """What k-means sees: moments and features, as far as each counts."""
    both = torch.cat(
        [color_weight**0.5 * moments, (1 - color_weight) * vectors], dim=1
    ).float()
    # Distances hardly change, and k-means takes a third of the time.
    reduced: npt.NDArray[np.float32] = PCA(PCA_VARIANCE).fit_transform(both.numpy())
    return reduced
