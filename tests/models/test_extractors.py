# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import torch

from torchgeo_ktextures.clustering import box_filter
from torchgeo_ktextures.models import LocalColor, TextureEnergy


def test_texture_energy_tells_orientation() -> None:
    wave = torch.sin(torch.arange(64) * 1.2)
    stripes = wave.expand(1, 3, 64, 64)
    extractor = TextureEnergy(3)

    def averaged(x: torch.Tensor) -> torch.Tensor:
        return box_filter(extractor(x)['texture'], 5)

    across, along = averaged(stripes), averaged(stripes.mT)
    assert across.shape == (1, extractor.channels['texture'], 16, 16)
    assert (across - along).abs().mean() > 0.1
    shifted = averaged(stripes.roll(2, -1))
    inner = (..., slice(4, 12), slice(4, 12))
    assert (across - shifted)[inner].abs().mean() < 0.02
    six = torch.randn(1, 6, 32, 32)
    many = TextureEnergy(6)
    assert torch.equal(many(six)['texture'], TextureEnergy(4)(six[:, :4])['texture'])


def test_local_color() -> None:
    color = LocalColor(4)(torch.ones(1, 4, 9, 11))['color']
    assert torch.allclose(color, torch.ones(1, 4, 9, 11))
