# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import itertools

import pytest
import torch

from torchgeo_ktextures.models import (
    MASK_STRIDES,
    KTexturesModel,
    MaskNetwork,
    TextureGenerators,
    upsample_logits,
)


@pytest.mark.parametrize('stride', MASK_STRIDES)
@pytest.mark.parametrize('size', [(64, 64), (37, 51), (1, 3)])
@pytest.mark.parametrize('channels', [3, 4, 7])
def test_any_size_and_bands(stride: int, size: tuple[int, int], channels: int) -> None:
    network = MaskNetwork(channels, 5, stride)
    coarse = network.eval()(torch.randn(1, channels, *size))
    assert coarse.shape == (1, 5, -(-size[0] // stride), -(-size[1] // stride))
    assert upsample_logits(coarse, stride, size).shape == (1, 5, *size)


def test_coarse_masks_cost_less() -> None:
    sizes = [sum(p.numel() for p in MaskNetwork(4, 5, s).parameters()) for s in (1, 8)]
    assert sizes[1] < sizes[0]


@pytest.mark.parametrize('stride', MASK_STRIDES)
def test_receptive_field(stride: int) -> None:
    network = MaskNetwork(3, 2, stride).eval()
    size = 512
    x = torch.randn(1, 3, size, size, requires_grad=True)
    logits = upsample_logits(network(x), stride, (size, size))
    center = size // 2 + 5
    logits[0, 0, center, center].backward()
    assert x.grad is not None
    seen = x.grad[0].abs().sum(0).nonzero()
    reach = int((seen - center).abs().max())
    assert 0 < reach <= network.receptive_field // 2 + stride


def test_tiles_agree_with_the_whole() -> None:
    network = MaskNetwork(3, 2, 4).eval()
    margin = -(-network.receptive_field // 32) * 16
    x = torch.randn(1, 3, 400, 400)
    with torch.no_grad():
        whole = upsample_logits(network(x), 4, (400, 400))
        tile = upsample_logits(network(x[..., 64:, 96:]), 4, (336, 304))
    inner = (..., slice(64 + margin, None), slice(96 + margin, None))
    cut = tile[..., margin:, margin:]
    assert torch.allclose(whole[inner], cut, atol=1e-5)


def test_bad_stride() -> None:
    with pytest.raises(ValueError, match='mask_stride=3.*1, 2, 4, 8, 16'):
        MaskNetwork(4, 2, 3)


def test_generators_are_independent() -> None:
    generators = TextureGenerators(3, 4, width=4)

    def draw() -> torch.Tensor:
        noise = torch.Generator().manual_seed(1)
        return generators(2, (19, 24), noise)

    before = draw()
    assert before.shape == (2, 3, 4, 19, 24)
    # Gradients of texture 1 reach parameters of generator 1 alone.
    before[:, 1].square().sum().backward()
    for name, parameter in generators.named_parameters():
        assert parameter.grad is not None
        grouped = parameter.grad
        if name == 'noise_gain':
            grouped = grouped.movedim(1, 0)
        alive = grouped.reshape(3, -1).abs().sum(1) > 0
        assert alive.tolist() == [False, True, False], name
    # Changing generator 2 leaves the others alone.
    with torch.no_grad():
        for conv in (*generators.convs, generators.to_bands):
            assert isinstance(conv, torch.nn.Conv2d)
            conv.weight[2 * len(conv.weight) // 3 :] += 1
    after = draw()
    assert torch.equal(before[:, :2], after[:, :2])
    assert not torch.allclose(before[:, 2], after[:, 2])


def test_textures_do_not_know_the_image() -> None:
    model = KTexturesModel(3, 2)
    drawn = [
        model.generators(1, (16, 16), torch.Generator().manual_seed(0))
        for _ in range(2)
    ]
    assert torch.equal(*drawn)


def test_simulation_is_masks_times_textures() -> None:
    model = KTexturesModel(4, 3)
    masks = torch.zeros(2, 3, 13, 16)
    masks[:, 0, :, :8] = 1
    masks[:, 2, :, 8:] = 1
    noise = torch.Generator()
    simulated = model.simulate(masks, noise.manual_seed(3))
    assert simulated.shape == (2, 4, 13, 16)
    # Each image sees the same seamless textures, from a corner of its own.
    textures = model.generators(1, (16, 16), noise.manual_seed(3))[0]
    corners = set()
    for image in simulated:
        for corner in itertools.product(range(16), repeat=2):
            seen = textures.roll(corner, (-2, -1))[..., :13, :]
            left = torch.equal(image[..., :8], seen[0, ..., :8])
            if left and torch.equal(image[..., 8:], seen[2, ..., 8:]):
                corners.add(corner)
    assert len(corners) == 2
    # Smaller ones go on by repetition.
    masks = torch.zeros(1, 3, 13, 20)
    masks[:, 1] = 1
    repeated = model.simulate(masks, period=8)
    assert torch.equal(repeated[..., :8], repeated[..., 8:16])
    assert torch.equal(repeated[..., :5, :], repeated[..., 8:, :])
    assert not torch.equal(repeated[..., :4], repeated[..., 4:8])


@pytest.mark.parametrize(
    ('bands', 'classes', 'message'),
    [(2, 4, 'in_channels=2'), (4, 1, 'num_classes=1'), (4, 0, 'num_classes=0')],
)
def test_bad_arguments(bands: int, classes: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KTexturesModel(bands, classes)


def test_invalid_pixels_change_nothing() -> None:
    model = KTexturesModel(4, 3, 4).eval()
    image = torch.randn(1, 4, 33, 47)
    other = image.clone()
    valid = torch.ones(1, 1, 33, 47)
    valid[..., 5:20, 7:30] = 0
    values = torch.tensor([float('nan'), float('inf'), -9999.0, 1e30])
    other[..., 5:20, 7:30] = values[:, None, None]
    assert torch.equal(model(image, valid), model(other, valid))
