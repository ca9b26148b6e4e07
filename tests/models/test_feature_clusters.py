# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import pytest
import torch

from torchgeo_ktextures.models import (
    FeatureClusters,
    FeatureExtractor,
    LocalColor,
    TextureEnergy,
)


def test_noise_is_not_trusted() -> None:
    # One group has two regions, the other is noise of the same variance.
    signal = torch.zeros(4, 1, 32, 32)
    signal[..., 16:] = 1
    signal = (signal - 0.5) * 2 + 0.1 * torch.randn(4, 1, 32, 32)
    features = {'signal': signal, 'noise': torch.randn(4, 3, 32, 32)}
    extractor = FeatureExtractor()
    extractor.channels = {'signal': 1, 'noise': 3}
    clusters = FeatureClusters([extractor], {'signal': 1.0, 'noise': 1.0}, 2, 4)
    pooled = clusters.pool(features, (128, 128))
    clusters.fit([pooled], [torch.ones(4, 32, 32, dtype=torch.bool)], seed=0)
    x, valid = torch.zeros(4, 3, 128, 128), torch.ones(4, 1, 128, 128)
    labels = clusters(features, x, valid)
    left, right = labels[..., :16].float().mean(), labels[..., 16:].float().mean()
    assert abs(left - right) == 1


def test_too_few_cells() -> None:
    extractor = FeatureExtractor()
    extractor.channels = {'a': 2}
    clusters = FeatureClusters([extractor], {'a': 1.0}, 5, 8)
    ones = torch.ones(1, 4, 4, dtype=torch.bool)
    same = torch.zeros(1, 2, 4, 4)
    same[..., :2] = 1
    with pytest.raises(ValueError, match='fewer than num_classes=5 different cells'):
        clusters.fit([same], [ones], seed=0)
    with pytest.raises(ValueError, match='fewer than num_classes=5 different cells'):
        clusters.fit([torch.randn(1, 2, 1, 4)], [ones[:, :1]], seed=0)


def test_texture_energy_tells_orientation() -> None:
    wave = torch.sin(torch.arange(64) * 1.2)
    stripes = wave.expand(1, 3, 64, 64)
    extractor = TextureEnergy(3, size=5)
    across = extractor(stripes)['texture']
    along = extractor(stripes.mT)['texture']
    assert across.shape == (1, extractor.channels['texture'], 16, 16)
    assert (across - along).abs().mean() > 0.1
    shifted = extractor(stripes.roll(2, -1))['texture']
    inner = (..., slice(4, 12), slice(4, 12))
    assert (across - shifted)[inner].abs().mean() < 0.02


def test_local_color() -> None:
    color = LocalColor(4)(torch.ones(1, 4, 9, 11))['color']
    assert torch.allclose(color, torch.ones(1, 4, 9, 11))
