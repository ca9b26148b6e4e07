# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Classes that an ensemble of mixtures agrees on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import adjusted_rand_score
from torch import Tensor

from .consensus import combine
from .feature_space import FeatureSpace, valid_cells
from .linkage import link_by_votes
from .members import Member, Score, View, fit_members
from .mixture import ClassMixture
from .settings import NOISE_LAG, SHIFTS
from .spatial import autocorrelation, noise_whitening


@dataclass(frozen=True)
class Initialization:
    """Classes that were found in a sample.

    Attributes:
        mixture: The classes.
        linkage: In which order they merge when there are to be fewer: a linkage matrix
            of SciPy, of shape (k - 1, 4); none for random classes.
        scores: Members of the ensemble that they were found by, empty for k-means.
    """

    mixture: ClassMixture
    linkage: npt.NDArray[np.float64] | None = None
    scores: tuple[Score, ...] = ()

    @property
    def agreement(self) -> float:
        """Mean adjusted Rand index of the members with the classes.

        The higher, the less the classes depend on how one looks at the scene.
        """
        return sum(s.agreement for s in self.scores) / max(len(self.scores), 1)


class Sample(NamedTuple):
    """What is measured in the cells of a sample."""

    #: Pooled features, of shape ``(B, sum F, h, w)``.
    pooled: Sequence[Tensor]
    #: Valid cells, bool, on the CPU, of shape ``(B, h, w)``.
    valids: Sequence[Tensor]
    #: Moments that tell classes, at the middle of each cell, ``(B, d, h, w)``.
    moments: Sequence[Tensor] = ()
    #: Moments of each window, on the linear and on the logarithmic scale, likewise.
    views: Sequence[Sequence[Tensor]] = ()


def spread_cells(total: int, count: int) -> Tensor:
    """Choose cells that stand for all, the same ones whatever the seed.

    Multiples of the golden ratio, less their whole part, fill the range from 0 to 1
    evenly, and have no period that rows or patches could have as well.

    Args:
        total: Number of cells.
        count: Number of cells that are wanted, at most.

    Returns:
        Ascending numbers of the cells, of shape ``(N,)``.
    """
    place = torch.arange(total, dtype=torch.float64) * ((5**0.5 - 1) / 2) % 1
    return (place < count / total).nonzero()[:count, 0]


def cell_vectors(
    sample: Sample, space: FeatureSpace, count: int, num_classes: int
) -> tuple[Tensor, Tensor]:
    """Choose cells of a sample, and fit the space of their features.

    Args:
        sample: What is measured in the cells.
        space: Space of the features, which is fitted.
        count: Number of cells, at most.
        num_classes: Number of classes that are to be found.

    Returns:
        Reduced features of the cells, of shape ``(N, m)``, and which of the valid cells
        they are.

    Raises:
        ValueError: If there are fewer different cells than classes.
    """
    s = space.mask_stride
    too_few = f'the training data has fewer than num_classes={num_classes} different '
    too_few += f'cells of {s} x {s} pixels; ask for fewer classes or a smaller '
    too_few += 'mask_stride, or give a larger scene'
    valid = sum(int(valid.sum()) for valid in sample.valids)
    if valid < num_classes:
        raise ValueError(too_few)
    index = spread_cells(valid, count)
    vectors = space.fit(sample.pooled, sample.valids, index)
    if len({row.tobytes() for row in vectors.numpy().round(6) + 0.0}) < num_classes:
        raise ValueError(too_few)  # no -0
    return vectors, index


class Ensemble:
    """Ways to look at the cells of a sample, by which classes are found."""

    def __init__(
        self,
        sample: Sample,
        space: FeatureSpace,
        seed: int,
        count: int,
        num_classes: int,
    ) -> None:
        """Choose cells, and measure how much colour counts.

        Args:
            sample: What is measured in the cells, moments and views included.
            space: Space of the features, which is fitted.
            seed: Seed of the starts of the consensus.
            count: Number of cells, at most.
            num_classes: Number of classes that are to be found, at most.

        Raises:
            ValueError: If there are fewer different cells than classes.
        """
        self.seed = seed
        self.vectors, index = cell_vectors(sample, space, count, num_classes)
        valids = sample.valids
        own = space.columns('color')
        color = [m[:, own].movedim(1, -1).cpu().clone() for m in sample.pooled]
        persists = float(autocorrelation(color, valids, space.lag).mean())
        self.color_weight = min(color_weight(persists), space.most_color)
        lag = max(1, NOISE_LAG // space.mask_stride)
        self.views = []
        kinds = [(window, log) for window in SHIFTS for log in (False, True)]
        for (window, log), maps in zip(kinds, sample.views, strict=True):
            moved = [m.movedim(1, -1).cpu() for m in maps]
            moments = valid_cells(maps, valids)[index].double()
            whitening = noise_whitening(moved, valids, lag)
            self.views.append(View(window, log, moments, whitening))
        self.moments = valid_cells(sample.moments, valids)[index].double()

    def find(
        self, num_classes: int, multiples: Sequence[float]
    ) -> tuple[Initialization, list[Member]]:
        """Find classes.

        Args:
            num_classes: Number of classes, k.
            multiples: Numbers of classes of the members, as multiples of k.

        Returns:
            The classes, and the members that they are of.
        """
        k = num_classes
        members = list(
            fit_members(self.views, self.vectors, self.color_weight, k, multiples)
        )
        votes = [m.responsibilities for m in members]
        responsibilities = combine(votes, k, self.seed)
        mixture = ClassMixture(k, self.moments.shape[1], self.vectors.shape[1])
        mixture.color_weight.fill_(self.color_weight)
        mixture.double().m_step(self.vectors, self.moments, responsibilities)
        mixture.float()
        labels = responsibilities.argmax(1)
        scores = tuple(_score(m, labels) for m in members)
        linkage = link_by_votes(responsibilities, votes)
        return Initialization(mixture, linkage, scores), members


def color_weight(autocorrelation: float) -> float:
    """How much colour counts in the likelihood of classes.

    Colour is a signal that goes on in space, and noise that does not. It counts in full
    where the signal has at least the variance of the noise, else by the ratio of both.

    Args:
        autocorrelation: Spatial autocorrelation of local colour, from 0 to 1: the share
            of the signal in its variance.

    Returns:
        Weight from 0 to 1.
    """
    return autocorrelation / max(1 - autocorrelation, autocorrelation, 1e-6)


def _score(member: Member, labels: Tensor) -> Score:
    own = member.responsibilities.argmax(1)
    agreement = adjusted_rand_score(labels.numpy(), own.numpy())
    return member.score._replace(agreement=float(agreement))
