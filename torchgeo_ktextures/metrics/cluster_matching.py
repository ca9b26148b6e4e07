# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Agreement of clusters with classes: matched, mapped by majority, and unnamed."""

import math

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torchmetrics import Metric

type _Array = npt.NDArray[np.int64]


class ClusterMatching(Metric):
    """Agreement of clusters with classes, over all that was seen since the last reset.

    * Matched: each class gets at most one cluster by the Hungarian method, such that
      the most pixels agree. The number to compare maps of as many clusters as classes.
    * Majority: each cluster gets the class that most of its pixels have. The number to
      compare maps of more clusters than classes, which a user would name and merge.
    * Normalized mutual information (divided by the arithmetic mean of the entropies)
      and adjusted Rand index compare partitions without naming clusters.

    The mean intersection over union is that of the classes which occur in the target;
    classes without a cluster count as zero. All come from one confusion matrix, which
    adds up over batches and processes.

    References:
        * https://doi.org/10.1002/nav.3800020109 (Kuhn, 1955)
        * https://doi.org/10.1007/BF01908075 (Hubert and Arabie, 1985)
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    confusion: Tensor

    def __init__(
        self, num_clusters: int, num_classes: int, ignore_index: int | None = 255
    ) -> None:
        """Initialize a new ClusterMatching instance.

        Args:
            num_clusters: Number of clusters.
            num_classes: Number of target classes.
            ignore_index: Target value to ignore.
        """
        super().__init__()
        self.num_clusters = num_clusters
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        zeros = torch.zeros(num_clusters, num_classes, dtype=torch.long)
        self.add_state('confusion', zeros, dist_reduce_fx='sum')

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Add a batch.

        Args:
            preds: Cluster of each pixel, of any shape.
            target: Class of each pixel, of the same shape.

        Raises:
            ValueError: If a target is not a class, or a prediction not a cluster.
        """
        if self.ignore_index is not None:
            keep = target != self.ignore_index
            preds, target = preds[keep], target[keep]
        outside = target[(target < 0) | (target >= self.num_classes)]
        if len(outside):
            msg = f'label {int(outside[0])} is not one of the {self.num_classes} '
            msg += 'target classes; set num_target_classes, or recode the labels '
            msg += f'that mean nothing to {self.ignore_index}'
            raise ValueError(msg)
        outside = preds[(preds < 0) | (preds >= self.num_clusters)]
        if len(outside):
            msg = f'prediction {int(outside[0])} is not one of the '
            msg += f'{self.num_clusters} clusters; leave out invalid pixels, or recode '
            raise ValueError(msg + f'their target to {self.ignore_index}')
        pairs = preds.flatten() * self.num_classes + target.flatten()
        counts = pairs.bincount(minlength=self.num_clusters * self.num_classes)
        self.confusion += counts.view_as(self.confusion)

    def matched_classes(self) -> Tensor:
        """Class of each cluster by one-to-one matching.

        Returns:
            Classes of shape ``(num_clusters,)``, -1 for clusters that are left over.
        """
        confusion = self.confusion.cpu().numpy()
        clusters, classes = linear_sum_assignment(confusion, maximize=True)
        matched = torch.full((self.num_clusters,), -1)
        matched[torch.from_numpy(clusters)] = torch.from_numpy(classes)
        return matched

    def majority_classes(self) -> Tensor:
        """Class that most pixels of each cluster have.

        Returns:
            Classes of shape ``(num_clusters,)``.
        """
        return self.confusion.cpu().argmax(1)

    def compute(self) -> dict[str, Tensor]:
        """Compare clusters and classes.

        Returns:
            ``accuracy`` and ``miou`` after matching, ``majority_accuracy`` and
            ``majority_miou``, 0 to 1, ``nmi``, 0 to 1, and ``ari``, at most 1. NaN if
            nothing was seen.
        """
        confusion = self.confusion.cpu().numpy()
        accuracy, miou = _scores(confusion, self.matched_classes().numpy())
        majority = _scores(confusion, self.majority_classes().numpy())
        values = {
            'accuracy': accuracy,
            'miou': miou,
            'majority_accuracy': majority[0],
            'majority_miou': majority[1],
            'nmi': _mutual_information(confusion),
            'ari': _rand_index(confusion),
        }
        return {k: torch.tensor(v, dtype=torch.float32) for k, v in values.items()}


def _scores(confusion: _Array, names: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Accuracy and mean intersection over union of named clusters."""
    target = confusion.sum(0)
    if not target.any():
        return math.nan, math.nan
    named = np.zeros((confusion.shape[1],) * 2, np.int64)
    np.add.at(named, names[names >= 0], confusion[names >= 0])
    hits = named.diagonal()
    union = target + named.sum(1) - hits
    seen = target > 0
    return hits.sum() / target.sum(), float((hits / union.clip(min=1))[seen].mean())


def _mutual_information(confusion: _Array) -> float:
    """Mutual information divided by the mean entropy."""
    total = confusion.sum()
    if total == 0:
        return math.nan
    joint = confusion / total
    entropies = [_entropy(joint.sum(1)), _entropy(joint.sum(0))]
    mutual = sum(entropies) - _entropy(joint.ravel())
    mean = sum(entropies) / 2
    # Two partitions of one part are the same.
    return max(mutual, 0.0) / mean if mean > 0 else 1.0


def _entropy(shares: npt.NDArray[np.float64]) -> float:
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def _rand_index(confusion: _Array) -> float:
    """Rand index, adjusted such that chance is zero."""
    total = int(confusion.sum())
    if total == 0:
        return math.nan
    pairs, clusters, classes = (
        # Python's integers: the products of pairs of a large scene exceed 64 bits.
        sum(n * (n - 1) // 2 for n in counts.ravel().tolist())
        for counts in (confusion, confusion.sum(1), confusion.sum(0))
    )
    every = total * (total - 1) // 2
    expected = clusters * classes / every if every else 0.0
    most = (clusters + classes) / 2
    return (pairs - expected) / (most - expected) if most != expected else 1.0
