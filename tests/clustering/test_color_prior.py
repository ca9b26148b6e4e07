# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import pytest
import torch

from torchgeo_ktextures.clustering import ColorPrior
from torchgeo_ktextures.models import KTexturesModel, LabelNetwork


def fitted(stride: int, features: int = 0) -> ColorPrior:
    generator = torch.Generator().manual_seed(0)
    prior = ColorPrior(3, 4, stride, features)
    prior.moments.local.dark.fill_(-1)
    mixture = prior.mixture
    mixture.color_weight.fill_(0.8)
    mixture.log_weights.copy_(torch.tensor([0.2, 0.3, 0.5]).log())
    mixture.gaussians.mean.copy_(torch.randn(3, 20, generator=generator))
    return prior


@pytest.mark.parametrize('stride', [1, 2, 4, 8, 16])
def test_probabilities_on_the_mask_grid(stride: int) -> None:
    x, valid = torch.randn(2, 4, 35, 50), torch.ones(2, 1, 35, 50)
    found = fitted(stride)(x, valid).exp()
    assert found.shape == (2, 3, -(-35 // stride), -(-50 // stride))
    assert torch.allclose(found.sum(1), torch.ones_like(found[:, 0]), atol=1e-4)


def test_is_exact_in_mixed_precision() -> None:
    prior = fitted(4)
    x, valid = torch.randn(1, 4, 32, 32) + 3, torch.ones(1, 1, 32, 32)
    with torch.autocast('cpu', torch.bfloat16):
        found = prior(x, valid)
        smoothed = prior.smoothed(x, valid, torch.tensor(1.0))
    assert torch.equal(found, prior(x, valid))
    assert torch.equal(smoothed, prior.smoothed(x, valid, torch.tensor(1.0)))


def test_nothing_until_it_was_fitted() -> None:
    model = KTexturesModel(4, 3, 4).eval()
    x, valid = torch.randn(1, 4, 32, 32), torch.ones(1, 1, 32, 32)
    network = model.mask_network(x)
    assert torch.allclose(model.coarse_logits(x, valid), network, atol=1e-5)
    model.start_from(fitted(4, features=5))
    prior = model.prior(x, valid)
    assert torch.equal(prior, fitted(4)(x, valid))
    # Then the network says nothing, and the masks are those of the prior.
    assert torch.equal(model.coarse_logits(x, valid), prior)
    model.coarse_logits(x, valid)[:, 0].sum().backward()
    head = list(model.mask_network.head.parameters())
    assert all(parameter.grad is not None for parameter in head)
    assert any(parameter.grad.abs().max() > 0 for parameter in head)


@pytest.mark.parametrize('stride', [1, 2, 8])
def test_tiles_meet(stride: int) -> None:
    model = KTexturesModel(4, 3, stride).eval()
    model.start_from(fitted(stride))
    network = LabelNetwork(model)
    image, valid = torch.randn(1, 4, 160, 160), torch.ones(1, 1, 160, 160)
    valid[..., 90:120, 60:] = 0
    whole = network(image, valid)
    inner = slice(64 // stride, 96 // stride)
    tile = model.prior(image[..., 48:112, 48:112], valid[..., 48:112, 48:112])
    part = slice(16 // stride, 48 // stride)
    expected = model.prior(image, valid)[..., inner, inner]
    assert torch.allclose(tile[..., part, part], expected, atol=1e-6)
    slow = model.coarse_logits(model.prepare(image, valid), valid)
    assert torch.allclose(whole, slow, atol=1e-4)


@pytest.mark.parametrize('stride', [1, 2, 4, 8])
def test_tiles_meet_without_a_network(stride: int) -> None:
    model = KTexturesModel(4, 3, stride).eval()
    model.start_from(fitted(stride))
    model.contrast.fill_(0.5)
    model.needs_network.fill_(False)
    model.colors.gaussians.mean.normal_()
    model.colors.fitted.fill_(True)
    network = LabelNetwork(model)
    image, valid = torch.randn(1, 4, 192, 192), torch.ones(1, 1, 192, 192)
    valid[..., 90:120, 60:] = 0
    keys = ('labels', 'confidence', 'probabilities')
    whole = network.predict(image, valid, keys)
    start = -(-model.context // 16) * 16
    core = (slice(96, 101), slice(96, 128))
    part = network.predict(image, valid, keys, core)
    tile = (..., slice(96 - start, None), slice(96 - start, 128 + start))
    cut = network.predict(image[tile], valid[tile], keys)
    for key, values in whole.items():
        expected = values[..., core[0], core[1]]
        torch.testing.assert_close(part[key][..., core[0], core[1]], expected)
        inside = cut[key][..., start : start + 5, start : start + 32]
        torch.testing.assert_close(inside, expected)


def test_features_count_for_what_colour_leaves() -> None:
    prior = fitted(4, features=2)
    prior.mixture.prototypes.copy_(torch.tensor([[0.0, 0], [1, 0], [0, 1]]))
    x, valid = torch.randn(1, 4, 32, 32), torch.ones(1, 1, 32, 32)
    vectors = torch.tensor([1.0, 0]).expand(1, 8, 8, 2)
    alone = prior.predict_proba(x, valid)
    both = prior.predict_proba(x, valid, vectors)
    assert (both[:, 1] >= alone[:, 1]).all()
    prior.mixture.color_weight.fill_(0)
    assert (prior.predict_proba(x, valid, vectors).argmax(1) == 1).all()
    prior.mixture.color_weight.fill_(1)
    assert torch.equal(
        prior.predict_proba(x, valid, vectors), prior.predict_proba(x, valid)
    )
