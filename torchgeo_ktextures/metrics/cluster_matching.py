# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Accuracy and mIoU after matching clusters with classes."""

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torchmetrics import Metric


class ClusterMatching(Metric):
    """Accuracy and mean intersection over union of the best one-to-one matching.

    Clusters are matched with classes by the Hungarian method over everything that was
    seen since the last reset, such that the most pixels agree. Classes that do not
    occur are left out of the mean; classes without a cluster count as zero.

    References:
        * https://doi.org/10.1002/nav.3800020109 (Kuhn, 1955)
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
            ValueError: If a target is not a class.
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
        pairs = preds.flatten() * self.num_classes + target.flatten()
        counts = pairs.bincount(minlength=self.num_clusters * self.num_classes)
        self.confusion += counts.view_as(self.confusion)

    def compute(self) -> dict[str, Tensor]:
        """Match clusters and classes.

        Returns:
            ``accuracy`` and ``miou``, 0 to 1, NaN if nothing was seen.
        """
        confusion = self.confusion.cpu().numpy()
        clusters, classes = linear_sum_assignment(confusion, maximize=True)
        hits = confusion[clusters, classes]
        target = confusion.sum(0)
        union = target.copy()
        union[classes] += confusion.sum(1)[clusters] - hits
        seen = target > 0
        iou = torch.zeros(self.num_classes, dtype=torch.float64)
        iou[classes] = torch.from_numpy(hits / union.clip(min=1)[classes])
        accuracy = hits.sum() / target.sum() if seen.any() else float('nan')
        return {
            'accuracy': torch.tensor(accuracy, dtype=torch.float32),
            'miou': iou[torch.from_numpy(seen)].mean().float(),
        }
