# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Classes that an ensemble of mixtures agrees on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from scipy.cluster.hierarchy import cut_tree
from sklearn.metrics import adjusted_rand_score
from torch import Tensor

from .cells import Sample, cell_vectors
from .consensus import combine
from .feature_space import FeatureSpace, valid_cells
from .linkage import link_by_votes
from .members import Member, Score, View, fit_members
from .mixture import ClassMixture
from .settings import CELL, DIRECT_CLASSES, LAG, NOISE_LAG, SHIFTS
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


class Ensemble:
    """Ways to look at the cells of a sample, by which classes are found."""

    def __init__(
        self,
        sample: Sample,
        space: FeatureSpace,
        count: int,
        num_classes: int,
    ) -> None:
        """Choose cells, and measure how much colour counts.

        Args:
            sample: What is measured in the cells, moments and views included.
            space: Space of the features, which is fitted.
            count: Number of cells, at most.
            num_classes: Number of classes that are to be found, at most.

        Raises:
            ValueError: If there are fewer different cells than classes.
        """
        self.vectors, index = cell_vectors(sample, space, count, num_classes)
        valids = sample.valids
        own = space.columns('color')
        color = [m[:, own].movedim(1, -1).cpu().clone() for m in sample.pooled]
        persists = float(autocorrelation(color, valids, LAG // CELL).mean())
        self.color_weight = min(color_weight(persists), space.most_color)
        lag = NOISE_LAG // CELL
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
        responsibilities = self._agree(votes, k)
        mixture = ClassMixture(k, self.moments.shape[1], self.vectors.shape[1])
        mixture.color_weight.fill_(self.color_weight)
        mixture.double().m_step(self.vectors, self.moments, responsibilities)
        mixture.float()
        labels = responsibilities.argmax(1)
        scores = tuple(_score(m, labels) for m in members)
        linkage = link_by_votes(responsibilities, votes)
        return Initialization(mixture, linkage, scores), members

    def _agree(self, votes: Sequence[Tensor], k: int) -> Tensor:
        """What members agree on, as probabilities of k classes."""
        more = min(k + max(0, k - DIRECT_CLASSES), len(self.vectors))
        found = combine(votes, more)
        if more == k:
            return found
        parts = cut_tree(link_by_votes(found, votes), k)[:, 0]
        return found @ F.one_hot(torch.from_numpy(parts).long(), k).to(found)


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
