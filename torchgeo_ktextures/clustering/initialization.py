# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Finding the classes of a sample, before any network exists."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.cluster import KMeans
from torch import Tensor

from .cells import Sample, cell_vectors
from .ensemble import Ensemble, Initialization
from .feature_space import FeatureSpace
from .linkage import link_by_distance
from .mixture import ClassMixture
from .settings import MEMBER_CLASSES, SAMPLES

#: What classes begin with.
type Init = Literal['mixture', 'kmeans', 'random']


def find_classes(
    sample: Sample, space: FeatureSpace, like: ClassMixture, seed: int, init: Init
) -> Initialization:
    """Find classes.

    Args:
        sample: What is measured in the cells.
        space: Space of the features, which is fitted.
        like: Mixture of the numbers of classes, moments and features that are wanted.
        seed: Seed of k-means.
        init: Whether classes are those of an ensemble of 'mixture's of local moments
            and features, those of 'kmeans' on features, or none ('random').

    Returns:
        The classes.

    Raises:
        ValueError: If there are fewer different cells than classes.
    """
    num_classes = len(like.log_weights)
    if init == 'mixture' and sample.moments:
        ensemble = Ensemble(sample, space, SAMPLES, num_classes)
        return ensemble.find(num_classes, MEMBER_CLASSES)[0]
    vectors = cell_vectors(sample, space, SAMPLES, num_classes)[0]
    mixture = ClassMixture(num_classes, like.gaussians.mean.shape[1], vectors.shape[1])
    if init == 'random':
        return Initialization(mixture)
    result = KMeans(num_classes, n_init=10, random_state=seed).fit(vectors.numpy())
    mixture.prototypes.copy_(torch.from_numpy(result.cluster_centers_))
    mixture.spread.fill_(max(float(result.inertia_) / len(vectors), 1e-6))
    shares = np.bincount(result.labels_, minlength=num_classes) / len(vectors)
    linkage = link_by_distance(result.cluster_centers_, shares)
    return Initialization(mixture, linkage)


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
