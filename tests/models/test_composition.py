# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Images of masks times textures."""

import pytest
import torch
from torch import Tensor

from torchgeo_ktextures.models.composition import compose

SHIFTS = [[0, 0], [5, 7], [15, 23]]


def _plain(masks: Tensor, textures: Tensor) -> Tensor:
    """The same as products of everything."""
    seen = [
        textures.roll(shift, (-2, -1)).repeat(1, 1, 4, 2)[..., :50, :37]
        for shift in SHIFTS
    ]
    return (masks[:, :, None] * torch.stack(seen)).sum(1)


@pytest.mark.parametrize('hard', [True, False])
def test_images_and_gradients_are_those_of_products(hard: bool) -> None:
    torch.manual_seed(0)
    masks = torch.rand(3, 5, 50, 37, dtype=torch.double)
    if hard:
        masks = torch.zeros_like(masks).scatter(1, masks.argmax(1, keepdim=True), 1)
    masks.requires_grad_()
    textures = torch.randn(5, 4, 16, 24, dtype=torch.double, requires_grad=True)
    images, plain = compose(masks, textures, SHIFTS), _plain(masks, textures)
    torch.testing.assert_close(images, plain)
    change = torch.randn_like(images)
    found = torch.autograd.grad(images, (masks, textures), change)
    expected = torch.autograd.grad(plain, (masks, textures), change)
    torch.testing.assert_close(found, expected)


def test_textures_learn_from_fixed_masks() -> None:
    masks = torch.ones(1, 2, 8, 8)
    textures = torch.zeros(2, 3, 8, 8, requires_grad=True)
    compose(masks, textures, [[3, 0]]).sum().backward()
    assert masks.grad is None
    assert textures.grad is not None
    assert (textures.grad == 1).all()
