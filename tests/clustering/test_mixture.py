# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import torch
import torch.nn.functional as F
from torch import Tensor

from torchgeo_ktextures.clustering import ClassMixture


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
    mixture = ClassMixture(2, 6, 3)
    mixture.color_weight.fill_(1)
    start = F.one_hot((moments.square().sum(1) > 1).long(), 2).double()
    one, first = mixture.fit(noise, moments, start, iterations=1)
    found, likelihood = mixture.fit(noise, moments, one, iterations=10)
    assert likelihood > first
    assert torch.allclose(found.sum(1), torch.ones(2000).double())
    assert _accuracy(mixture(noise.float(), moments.float()).argmin(1), labels) > 0.97


def test_features_decide_where_colour_is_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(2000) % 2
    features = torch.randn(2000, 3, generator=generator) * 0.2 + labels[:, None]
    moments = torch.randn(2000, 6, generator=generator)
    mixture = ClassMixture(2, 6, 3)
    start = F.one_hot((features[:, 0] > 0.5).long(), 2).double()
    mixture.fit(features.double(), moments.double(), start, iterations=10)
    assert _accuracy(mixture(features, moments).argmin(1), labels) > 0.97
