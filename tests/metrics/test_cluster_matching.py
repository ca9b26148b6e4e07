# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import pytest
import torch

from torchgeo_ktextures.metrics import ClusterMatching


def test_permutation_is_perfect() -> None:
    target = torch.randint(0, 4, (2, 9, 9))
    metric = ClusterMatching(4, 4)
    metric.update(torch.tensor([2, 3, 1, 0])[target], target)
    assert metric.compute() == {'accuracy': 1, 'miou': 1}


def test_known_values() -> None:
    # Cluster 1 is class 0: 3 of 4 pixels; cluster 0 is class 1: 2 of 3 pixels.
    preds = torch.tensor([1, 1, 1, 0, 0, 0, 1, 1])
    target = torch.tensor([0, 0, 0, 0, 1, 1, 1, 255])
    metric = ClusterMatching(2, 2)
    metric.update(preds, target)
    result = metric.compute()
    assert result['accuracy'] == pytest.approx(5 / 7)
    assert result['miou'] == pytest.approx((3 / 5 + 2 / 4) / 2)


def test_batches_add_up_and_unequal_counts() -> None:
    preds, target = torch.randint(0, 6, (4, 50)), torch.randint(0, 3, (4, 50))
    whole, parts = ClusterMatching(6, 3), ClusterMatching(6, 3)
    whole.update(preds, target)
    for p, t in zip(preds, target, strict=True):
        parts.update(p, t)
    assert whole.compute() == parts.compute()
    few = ClusterMatching(2, 3)
    few.update(torch.tensor([0, 1, 1]), torch.tensor([0, 1, 2]))
    assert few.compute()['miou'] == pytest.approx((1 + 1 / 2 + 0) / 3)


def test_nothing_and_nonsense() -> None:
    metric = ClusterMatching(2, 2)
    metric.update(torch.tensor([0]), torch.tensor([255]))
    assert metric.compute()['accuracy'].isnan()
    with pytest.raises(ValueError, match='label 7 is not one of the 2'):
        metric.update(torch.tensor([0]), torch.tensor([7]))
