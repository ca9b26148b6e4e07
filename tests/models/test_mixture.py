# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import torch
import torch.nn.functional as F
from torch import Tensor

from torchgeo_ktextures.models import ClassMixture


def _accuracy(found: Tensor, labels: Tensor) -> float:
    accuracy = float((found == labels).float().mean())
    return max(accuracy, 1 - accuracy)


def test_classes_of_equal_mean() -> None:
    # k-means cannot tell a tight class from a wide one around it.
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(2000) % 2
    moments = torch.randn(2000, 6, generator=generator).double()
    moments *= torch.where(labels == 0, 0.1, 1.0)[:, None]
    noise = torch.randn(2000, 3, generator=generator).double()
    mixture = ClassMixture(2, 3, 3, 4)
    mixture.color.trust.fill_(1)
    start = F.one_hot((moments.square().sum(1) > 1).long(), 2).double()
    shares = mixture.fit(noise, moments, start, iterations=10)
    assert torch.allclose(shares.sum(1), torch.ones(2000).double())
    assert _accuracy(mixture(noise.float(), moments.float()).argmin(1), labels) > 0.97


def test_features_decide_where_colour_is_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(2000) % 2
    features = torch.randn(2000, 3, generator=generator) * 0.2 + labels[:, None]
    moments = torch.randn(2000, 6, generator=generator)
    mixture = ClassMixture(2, 3, 3, 4)
    start = F.one_hot((features[:, 0] > 0.5).long(), 2).double()
    mixture.fit(features.double(), moments.double(), start, iterations=10)
    assert _accuracy(mixture(features, moments).argmin(1), labels) > 0.97
    chances = mixture.chances(features[None, None], None)
    assert chances.shape == (1, 2, 1, 2000)
    assert torch.allclose(chances.sum(1), torch.ones(1, 1, 2000))


def test_chances_are_means_over_places() -> None:
    # One of the four places of a cell fits no class: it is one vote, not the cell.
    mixture = ClassMixture(2, 1, 1, 4)
    mixture.color.trust.fill_(1)
    mixture.color.gaussians.mean.copy_(torch.tensor([[0.0, 0.0], [3.0, 3.0]]))
    moments = torch.zeros(1, 2, 2, 2)
    moments[..., 0, 0] = 100
    chances = mixture.chances(torch.zeros(1, 1, 1, 1), moments)
    assert chances[0, 0, 0, 0] > 0.7
