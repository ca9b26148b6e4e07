# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import pytest
import torch
from torch import Tensor

from torchgeo_ktextures.clustering import PixelColors


def fitted(classes: int = 3, bands: int = 4) -> PixelColors:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(-1, classes, (2, 60, 50), generator=generator)
    images = torch.randn(2, bands, 60, 50, generator=generator)
    images = images * (labels[:, None] + 2) / 2 + labels[:, None]
    colors = PixelColors(classes, bands)
    assert not colors.fitted
    colors.fit([images[:1], images[1:]], [labels[:1], labels[1:]])
    assert colors.fitted
    return colors


@pytest.mark.parametrize('stride', [2, 4, 8])
def test_evidence_is_that_of_a_pixel_and_its_valid_neighbours(stride: int) -> None:
    colors = fitted()
    x, valid = torch.randn(2, 4, 21, 30), (torch.rand(2, 1, 21, 30) > 0.3).float()
    likely = -colors.gaussians(x.movedim(1, -1).flatten(0, 2)).view(2, 21, 30, 3)
    down, across = -(-21 // stride) + 1, -(-30 // stride) + 1
    places = torch.arange(2 * down * across)
    classes = torch.randint(3, (len(places), 4))
    found = colors.around(x, valid, stride)(places, classes)
    assert found.shape == (len(places), 4, stride**2)

    def expected(image: int, row: int, col: int, own: Tensor) -> Tensor:
        around = (slice(max(row - 1, 0), row + 2), slice(max(col - 1, 0), col + 2))
        inside = valid[image, 0][around] > 0
        each = likely[image][around][inside][:, own]
        # Nothing is less likely than one in a million of the best.
        return (each - each.amax(1, keepdim=True)).clamp(min=-13.8155).mean(0)

    checked = 0
    for place in places.tolist():
        image, rest = divmod(place, down * across)
        for pixel in range(stride**2):
            row = rest // across * stride - stride // 2 + pixel // stride
            col = rest % across * stride - stride // 2 + pixel % stride
            if 0 <= row < 21 and 0 <= col < 30 and valid[image, 0, row, col] > 0:
                each = expected(image, row, col, classes[place])
                assert torch.allclose(found[place, :, pixel], each, atol=1e-3)
                checked += 1
    assert checked == valid.sum()


def test_evidence_is_exact_in_mixed_precision() -> None:
    x, valid = torch.randn(1, 4, 16, 16) + 3, torch.ones(1, 1, 16, 16)
    places, classes = torch.arange(25), torch.randint(3, (25, 4))
    evidence = fitted().around(x, valid, 4)
    with torch.autocast('cpu', torch.bfloat16):
        found = evidence(places, classes)
    assert torch.equal(found, evidence(places, classes))
