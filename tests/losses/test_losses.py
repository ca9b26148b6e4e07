# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from torchgeo_ktextures.losses import (
    ChannelStandardizer,
    FeatureSimilarityLoss,
    KTexturesLoss,
)
from torchgeo_ktextures.models import (
    FeatureClusters,
    FeatureExtractor,
    KTexturesModel,
    LocalColor,
    TextureEnergy,
    VGG16Features,
    hard_masks,
)
from torchgeo_ktextures.tasks.initialization import (
    begin,
    estimate_statistics,
    follow_textures,
)


def build(
    channels: int = 4, classes: int = 3, stride: int = 4, vgg: bool = False
) -> tuple[KTexturesModel, KTexturesLoss]:
    extractors: list[FeatureExtractor] = [LocalColor(channels), TextureEnergy(channels)]
    weights = {'color': 1.0, 'texture': 0.5}
    if vgg:
        extractors.append(VGG16Features([(0, 1, 2), (2, 0, 1)], ['relu2_2']))
        weights['vgg16_relu2_2'] = 0.5
    similarity = FeatureSimilarityLoss(extractors, weights)
    groups = {n: (c, e.window) for e in extractors for n, c in e.channels.items()}
    clusters = FeatureClusters(groups, weights, classes, channels, stride)
    return KTexturesModel(channels, classes, stride), KTexturesLoss(
        similarity, clusters
    )


def fit(
    model: KTexturesModel, loss: KTexturesLoss, image: Tensor, valid: Tensor
) -> None:
    estimate_statistics(model, loss, [image], [valid])
    begin(model, loss, [image], [valid], seed=0)


def test_standardizer_total_variance_is_one() -> None:
    scale = torch.tensor([1.0, 100.0, 0.0, 5.0])
    vectors = torch.randn(5000, 4) * scale + 3
    standardizer = ChannelStandardizer(4)
    standardizer.estimate(vectors)
    out = standardizer(vectors.T[None, :, None])
    assert out.var(dim=3, correction=0).sum() == pytest.approx(1, abs=1e-3)
    assert out.mean(3).abs().max() < 1e-4


# Each pair of these at least once.
@pytest.mark.parametrize(
    ('vgg', 'warm', 'channels', 'size'),
    [
        (False, False, 4, (64, 64)),
        (False, True, 3, (41, 55)),
        (True, False, 3, (41, 55)),
        (True, True, 4, (64, 64)),
    ],
)
def test_gradients_reach_everything(
    vgg: bool,
    warm: bool,
    channels: int,
    size: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[Tensor] = []

    def record(logits: Tensor, slope: float) -> Tensor:
        drawn.append(hard_masks(logits, slope))
        return drawn[-1]

    monkeypatch.setattr('torchgeo_ktextures.losses.ktextures.hard_masks', record)
    model, loss = build(channels, vgg=vgg)
    image = torch.randn(1, channels, *size)
    valid = torch.ones(1, 1, *size)
    fit(model, loss, image, valid)
    # Logits begin with zeros, behind which nothing learns before the second step.
    optimizer = torch.optim.SGD(model.mask_network.head.parameters(), 0.1)
    loss(model, image, valid, slope=0.1, warm=warm)['loss'].backward()
    optimizer.step()
    model.zero_grad()
    drawn.clear()
    # After the warm start, similarity alone has to reach the masks, through the hard
    # sigmoid.
    loss.assignment_weight = 0
    parts = loss(model, image, valid, slope=0.1, warm=warm)
    parts['loss'].backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name
    weight = model.generators.to_bands.weight.grad
    assert weight is not None
    if not warm:
        # By pixels: occupancy is by cells, which may get none between others.
        (masks,) = drawn
        used = masks[0, :, : size[0], : size[1]].sum((1, 2)) > 0
        assert (weight.reshape(3, -1).abs().sum(1) > 0)[used].all()
    assert parts['occupancy'].sum() == pytest.approx(1)
    assert not any(p.requires_grad for p in loss.parameters())


@settings(deadline=None, max_examples=5)
@given(
    st.integers(17, 50),
    st.integers(17, 50),
    st.sampled_from([float('nan'), float('inf'), -9999.0, 0.0, 1e20]),
    st.booleans(),
)
def test_invalid_pixels_change_nothing(
    height: int, width: int, value: float, warm: bool
) -> None:
    torch.manual_seed(0)
    image = torch.randn(2, 4, height, width)
    valid = torch.ones(2, 1, height, width)
    valid[0, :, : height // 3] = 0
    valid[1, :, :, width // 2 :] = 0
    results = []
    for fill in (0.5, value):
        torch.manual_seed(1)
        model, loss = build()
        filled = torch.where(valid > 0, image, fill)
        fit(model, loss, filled, valid)
        model.eval()
        noise = torch.Generator().manual_seed(0)
        parts = loss(model, filled, valid, warm=warm, generator=noise)
        parts['loss'].backward()
        grads = [p.grad for p in model.parameters()]
        results.append((parts, grads, dict(model.state_dict())))
    for name, part in results[0][0].items():
        assert torch.equal(part, results[1][0][name]), name
    for one, other in zip(results[0][1], results[1][1], strict=True):
        assert one is not None
        assert other is not None
        assert torch.equal(one, other)


def test_perfect_simulation_costs_nothing() -> None:
    model, loss = build()
    image, valid = torch.randn(2, 4, 32, 32), torch.ones(2, 1, 32, 32)
    estimate_statistics(model, loss, [image], [valid])
    x = model.prepare(image, valid)
    targets = loss.similarity.features(x, valid)
    total, groups = loss.similarity(x, targets, valid)
    assert total == 0
    assert set(groups) == {'color', 'texture'}


def test_constant_prediction_costs_one() -> None:
    _, loss = build()
    similarity = loss.similarity
    image, valid = torch.randn(4, 4, 64, 64), torch.ones(4, 1, 64, 64)
    similarity.estimate([similarity.extract(image, valid)], [valid])
    targets = similarity.features(image, valid)
    for value in targets.values():
        assert value.square().sum(1).mean() == pytest.approx(1, rel=1e-3)


def test_constant_image() -> None:
    model, loss = build()
    image = torch.full((1, 4, 32, 32), 7.0)
    with pytest.raises(ValueError, match=r'constant.*7\.0.*nothing to\s+split'):
        estimate_statistics(model, loss, [image], [torch.ones(1, 1, 32, 32)])


def test_more_classes_than_pixels() -> None:
    model, loss = build(classes=9)
    valid = torch.zeros(1, 1, 32, 32)
    valid[..., :2, :2] = 1
    with pytest.raises(ValueError, match='4 valid pixels, fewer than num_classes=9'):
        estimate_statistics(model, loss, [torch.randn(1, 4, 32, 32)], [valid])


@pytest.mark.parametrize(
    ('weights', 'message'),
    [
        ({}, 'no feature group'),
        ({'colour': 1.0}, "'colour' is unknown, use some of color, texture"),
        ({'color': 0.0}, "weight of feature group 'color' is 0.0"),
        ({'color': float('nan')}, 'must be positive'),
    ],
)
def test_bad_groups(weights: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FeatureSimilarityLoss([LocalColor(4), TextureEnergy(4)], weights)


def test_prototypes_follow_textures() -> None:
    model, loss = build()
    image, valid = torch.randn(2, 4, 64, 64), torch.ones(2, 1, 64, 64)
    fit(model, loss, image, valid)
    before = loss.clusters.prior.mixture.prototypes.clone()
    follow_textures(model, loss, rate=0)
    assert torch.equal(before, loss.clusters.prior.mixture.prototypes)
    follow_textures(model, loss, rate=1)
    assert not torch.allclose(before, loss.clusters.prior.mixture.prototypes)
