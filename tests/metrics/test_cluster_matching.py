# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import numpy as np
import pytest
import torch
from sklearn.metrics import (
    accuracy_score,
    adjusted_rand_score,
    jaccard_score,
    normalized_mutual_info_score,
)

from torchgeo_ktextures.metrics import ClusterMatching


def test_permutation_is_perfect() -> None:
    target = torch.randint(0, 4, (2, 9, 9))
    metric = ClusterMatching(4, 4)
    metric.update(torch.tensor([2, 3, 1, 0])[target], target)
    result = metric.compute()
    assert result.keys() >= {'accuracy', 'miou'}
    assert all(value == pytest.approx(1) for value in result.values())


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
    with pytest.raises(ValueError, match='prediction -1 is not one of the 2'):
        metric.update(torch.tensor([-1]), torch.tensor([0]))


@pytest.mark.parametrize(('clusters', 'classes'), [(4, 4), (12, 4), (3, 5)])
def test_equal_to_scikit_learn(clusters: int, classes: int) -> None:
    rng = np.random.default_rng(clusters)
    target = rng.integers(0, classes, 5000)
    noise = rng.integers(0, clusters, 5000)
    preds = np.where(rng.random(5000) < 0.6, (target * 2 + noise % 2) % clusters, noise)
    metric = ClusterMatching(clusters, classes)
    metric.update(torch.from_numpy(preds), torch.from_numpy(target))
    result = {name: float(value) for name, value in metric.compute().items()}
    mapped = {
        '': metric.matched_classes().numpy()[preds],
        'majority_': metric.majority_classes().numpy()[preds],
    }
    for prefix, names in mapped.items():
        labels = np.arange(classes)
        iou = jaccard_score(target, names, labels=labels, average='macro')
        expected = accuracy_score(target, names)
        assert result[f'{prefix}accuracy'] == pytest.approx(expected, abs=1e-6)
        assert result[f'{prefix}miou'] == pytest.approx(iou, abs=1e-6)
    nmi = normalized_mutual_info_score(target, preds)
    assert result['nmi'] == pytest.approx(nmi, abs=1e-6)
    assert result['ari'] == pytest.approx(adjusted_rand_score(target, preds), abs=1e-6)


def test_majority_merges_clusters() -> None:
    target = torch.randint(0, 3, (20, 20))
    metric = ClusterMatching(9, 3)
    metric.update(3 * target + torch.randint(0, 3, (20, 20)), target)
    result = metric.compute()
    assert result['majority_accuracy'] == result['majority_miou'] == 1
    assert result['accuracy'] < 0.6
    one = ClusterMatching(2, 2)
    one.update(torch.zeros(5).long(), torch.zeros(5).long())
    assert one.compute()['ari'] == one.compute()['nmi'] == 1
