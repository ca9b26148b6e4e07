# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Finding the classes of a sample, before any network exists."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from torch import Tensor

from .consensus import combine
from .feature_space import FeatureSpace, valid_cells
from .members import Member, Score, View, fit_members
from .mixture import ClassMixture
from .settings import NOISE_LAG, SAMPLES, SHIFTS
from .spatial import autocorrelation, noise_whitening

#: What classes begin with.
type Init = Literal['mixture', 'kmeans', 'random']


@dataclass(frozen=True)
class Initialization:
    """Classes that were found in a sample.

    Attributes:
        mixture: The classes.
        scores: Members of the ensemble that they were found by, empty for k-means.
    """

    mixture: ClassMixture
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


def find_classes(
    sample: Sample, space: FeatureSpace, like: ClassMixture, seed: int, init: Init
) -> Initialization:
    """Find classes.

    Args:
        sample: What is measured in the cells.
        space: Space of the features, which is fitted.
        like: Mixture of the numbers of classes, moments and features that are wanted.
        seed: Seed of the choice of cells, and of all starts.
        init: Whether classes are those of an ensemble of 'mixture's of local moments
            and features, those of 'kmeans' on features, or none ('random').

    Returns:
        The classes.

    Raises:
        ValueError: If there are fewer different cells than classes.
    """
    num_classes = len(like.log_weights)
    s = space.mask_stride
    too_few = f'the training data has fewer than num_classes={num_classes} different '
    too_few += f'cells of {s} x {s} pixels; ask for fewer classes or a smaller '
    too_few += 'mask_stride, or give a larger scene'
    count = sum(int(valid.sum()) for valid in sample.valids)
    if count < num_classes:
        raise ValueError(too_few)
    generator = torch.Generator().manual_seed(seed)
    index = torch.randperm(count, generator=generator)[:SAMPLES]
    vectors = space.fit(sample.pooled, sample.valids, index)
    if len({row.tobytes() for row in vectors.numpy().round(6) + 0.0}) < num_classes:
        raise ValueError(too_few)  # no -0
    mixture = ClassMixture(num_classes, like.gaussians.mean.shape[1], vectors.shape[1])
    if init == 'random':
        return Initialization(mixture)
    if init == 'kmeans' or not sample.moments:
        result = KMeans(num_classes, n_init=10, random_state=seed).fit(vectors.numpy())
        mixture.prototypes.copy_(torch.from_numpy(result.cluster_centers_))
        mixture.spread.fill_(max(float(result.inertia_) / len(vectors), 1e-6))
        return Initialization(mixture)
    return _from_members(sample, space, mixture, vectors, index, seed)


def _from_members(
    sample: Sample,
    space: FeatureSpace,
    mixture: ClassMixture,
    vectors: Tensor,
    index: Tensor,
    seed: int,
) -> Initialization:
    valids = sample.valids
    color = [m.movedim(1, -1)[..., space.columns('color')].cpu() for m in sample.pooled]
    weight = color_weight(float(autocorrelation(color, valids, space.lag).mean()))
    lag = max(1, NOISE_LAG // space.mask_stride)
    k = len(mixture.prototypes)
    views = []
    kinds = [(window, log) for window in SHIFTS for log in (False, True)]
    for (window, log), maps in zip(kinds, sample.views, strict=True):
        moved = [m.movedim(1, -1).cpu() for m in maps]
        moments = valid_cells(maps, valids)[index].double()
        views.append(View(window, log, moments, noise_whitening(moved, valids, lag)))
    members = list(fit_members(views, vectors, weight, k, seed))
    responsibilities = combine([m.responsibilities for m in members], k, seed)
    moments = valid_cells(sample.moments, valids)[index].double()
    mixture.color_weight.fill_(weight)
    mixture.double().m_step(vectors, moments, responsibilities)
    mixture.float()
    labels = responsibilities.argmax(1)
    return Initialization(mixture, tuple(_score(m, labels) for m in members))


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


def cluster_means(
    images: Sequence[Tensor], masks: Sequence[Tensor], num_classes: int
) -> Tensor:
    """Compute the mean bands of classes.

    Args:
        images: Batches of bands of shape ``(B, C, H, W)``.
        masks: Labels on the pixel grid, -1 where there is none, of shape ``(B, H, W)``.
        num_classes: Number of classes, k.

    Returns:
        Means of shape ``(k, C)``, 0 for a class without pixels.
    """
    sums, counts = [], []
    for image, labels in zip(images, masks, strict=True):
        one_hot = F.one_hot(labels + 1, num_classes + 1)[..., 1:].to(image.dtype)
        sums.append(torch.einsum('bhwk,bchw->kc', one_hot, image))
        counts.append(one_hot.sum((0, 1, 2)))
    total = torch.stack(counts).sum(0)[:, None]
    return torch.stack(sums).sum(0) / total.clamp(min=1)
