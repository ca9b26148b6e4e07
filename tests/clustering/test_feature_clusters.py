# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from torchgeo_ktextures.clustering import (
    ClassMixture,
    FeatureClusters,
    Sample,
    cluster_means,
    combine,
    find_classes,
)


def test_noise_does_not_count() -> None:
    # One group has two regions, the other is noise of the same variance.
    signal = torch.zeros(4, 1, 32, 32)
    signal[..., 16:] = 1
    signal = (signal - 0.5) * 2 + 0.1 * torch.randn(4, 1, 32, 32)
    features = {'signal': signal, 'noise': torch.randn(4, 3, 32, 32)}
    groups = {'signal': (1, 1), 'noise': (3, 1)}
    clusters = FeatureClusters(groups, dict.fromkeys(groups, 1.0), 2, 3, 4)
    pooled = clusters.space.pool(features, (128, 128))
    sample = Sample([pooled], [torch.ones(4, 32, 32, dtype=torch.bool)])
    found = find_classes(sample, clusters.space, clusters.prior.mixture, 0, 'kmeans')
    clusters.prior.mixture.load_state_dict(found.mixture.state_dict())
    x, valid = torch.zeros(4, 3, 128, 128), torch.ones(4, 1, 128, 128)
    labels = clusters(features, x, valid)
    left, right = labels[..., :16].float().mean(), labels[..., 16:].float().mean()
    assert abs(left - right) == 1


def test_too_few_cells() -> None:
    clusters = FeatureClusters({'a': (2, 1)}, {'a': 1.0}, 5, 3, 4)
    ones = torch.ones(1, 4, 4, dtype=torch.bool)
    same = torch.zeros(1, 2, 4, 4)
    same[..., :2] = 1
    for pooled, valid in ((same, ones), (torch.randn(1, 2, 1, 4), ones[:, :1])):
        with pytest.raises(ValueError, match='fewer'):
            find_classes(
                Sample([pooled], [valid]),
                clusters.space,
                clusters.prior.mixture,
                0,
                'kmeans',
            )


def regions(noise: float = 0.3) -> tuple[torch.Tensor, torch.Tensor]:
    """Bands and classes of three regions, one of which is rough."""
    labels = (torch.arange(96) // 32).expand(1, 96, 96)
    means = torch.tensor([[0.0, 0, 0, 1], [1, 1, 1, 0], [0, 0, 0, 1]])
    x = means[labels].movedim(-1, 1)
    rough = torch.where(labels == 2, 4 * noise, noise)[:, None]
    return x + rough * torch.randn(1, 4, 96, 96), labels


def found_by(seed: int, init: str = 'mixture') -> tuple[torch.Tensor, float]:
    torch.manual_seed(0)
    x, labels = regions()
    clusters = FeatureClusters({'color': (4, 1)}, {'color': 1.0}, 3, 4, 4)
    prior = clusters.prior
    valid = torch.ones(1, 1, 96, 96)
    prior.moments.local.estimate(x.movedim(1, -1).flatten(0, 2))
    middle = (..., slice(1, None, 2), slice(1, None, 2))
    views = [v[middle] for v in prior.moments.each(x, valid, 2)]
    moments = prior.moments(x, valid, 2)[middle]
    pooled = clusters.space.pool({'color': x}, (96, 96))
    sample = Sample(
        [pooled], [valid[:, 0, ::4, ::4] > 0], [moments], [[v] for v in views]
    )
    found = find_classes(sample, clusters.space, prior.mixture, seed, init)  # type: ignore[arg-type]
    prior.mixture.load_state_dict(found.mixture.state_dict())
    if init == 'mixture':
        assert len(found.scores) == 24
        assert 0 < found.agreement <= 1
        assert {s.window for s in found.scores} == {3, 5, 9}
    cells = clusters.classify(pooled, x, valid)
    truth = labels[:, ::4, ::4]
    return cells, float(adjusted_rand_score(truth.flatten(), cells.flatten()))


def test_ensemble_finds_a_rough_class_of_equal_mean() -> None:
    cells, score = found_by(0)
    assert score > 0.9
    # Nothing of it is random.
    assert torch.equal(cells, found_by(1)[0])
    assert found_by(0, 'kmeans')[1] < 0.8


def test_combine() -> None:
    # Nine members that are right nine times out of ten, and one that is not at all.
    torch.manual_seed(0)
    labels = torch.randint(3, (600,))
    members = []
    for _ in range(9):
        seen = torch.where(torch.rand(600) < 0.9, labels, torch.randint(3, (600,)))
        members.append(torch.eye(4)[torch.randperm(4)][seen].double())
    members.append(torch.eye(6)[torch.randint(6, (600,))].double())
    found = combine(members, 3)
    assert torch.allclose(found.sum(1), torch.ones(600).double())
    assert adjusted_rand_score(labels, found.argmax(1)) > 0.98


def test_random_start_finds_nothing() -> None:
    clusters = FeatureClusters({'a': (2, 1)}, {'a': 1.0}, 2, 3, 4)
    sample = Sample([torch.randn(1, 2, 8, 8)], [torch.ones(1, 8, 8, dtype=torch.bool)])
    found = find_classes(sample, clusters.space, clusters.prior.mixture, 0, 'random')
    fresh = ClassMixture(2, 15, 2).state_dict()
    for name, value in found.mixture.state_dict().items():
        assert torch.equal(value, fresh[name])


def test_means_of_clusters() -> None:
    image = torch.arange(12.0).view(1, 1, 3, 4)
    labels = torch.tensor([[[0, 0, 1, 1], [0, 0, -1, 1], [0, 0, 1, 1]]])
    assert cluster_means([image], [labels], 3).flatten().tolist() == pytest.approx(
        [4.5, 33 / 5, 0]
    )
