# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import pytest
import torch

from torchgeo_ktextures.clustering import PixelColors, PixelEvidence
from torchgeo_ktextures.models import (
    class_confidence,
    pixel_logits,
    upsample_labels,
    upsample_logits,
)

SIZE = 45, 70


def evidence_of(stride: int, classes: int) -> PixelEvidence:
    colors = PixelColors(classes, 4)
    colors.gaussians.mean.normal_()
    x, valid = torch.randn(2, 4, *SIZE), (torch.rand(2, 1, *SIZE) > 0.2).float()
    return colors.around(x, valid, stride)


def coarse(stride: int, classes: int) -> torch.Tensor:
    rows, cols = (-(-n // stride) for n in SIZE)
    # Regions of several cells.
    return upsample_logits(3 * torch.randn(2, classes, 30, 40), 2, (rows, cols))


@pytest.mark.parametrize('stride', [1, 2, 4, 8])
@pytest.mark.parametrize('classes', [2, 9])
@pytest.mark.parametrize('looks', [True, False])
def test_all_ways_agree(stride: int, classes: int, looks: bool) -> None:
    logits = coarse(stride, classes)
    evidence = evidence_of(stride, classes) if looks else None
    pixels = pixel_logits(logits, stride, SIZE, evidence)
    assert pixels.shape == (2, classes, *SIZE)
    labels = upsample_labels(logits, stride, SIZE, evidence)
    assert torch.equal(labels.long(), pixels.argmax(1))
    best = pixels.softmax(1).topk(2, 1).values
    ahead = class_confidence(logits, stride, SIZE, evidence).float()
    assert (ahead - 100 * (best[:, 0] - best[:, 1])).abs().max() <= 0.51


def test_pixels_are_of_the_class_of_a_cell_around_them() -> None:
    logits = coarse(4, 9)
    labels = upsample_labels(logits, 4, SIZE, evidence_of(4, 9)).long()
    cells = logits.argmax(1)
    for row in range(SIZE[0]):
        for col in range(SIZE[1]):
            top, left = (max((n + 2) // 4 - 1, 0) for n in (row, col))
            around = cells[:, top : (row + 2) // 4 + 1, left : (col + 2) // 4 + 1]
            assert (around == labels[:, row, col, None, None]).flatten(1).any(1).all()
    # Interpolation alone finds classes between two others that neither cell is of.
    plain = upsample_labels(logits, 4, SIZE).long()
    assert not torch.equal(labels, plain)
