# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import pytest
import torch
from torch import Tensor

from torchgeo_ktextures.clustering.settings import SMOOTHING_ROUNDS
from torchgeo_ktextures.clustering.smoothing import smooth
from torchgeo_ktextures.clustering.spatial import mean_contrast


def halves(size: int = 12, noise: float = 0.0) -> tuple[Tensor, Tensor]:
    """Logits and colours of two regions, side by side."""
    labels = torch.zeros(1, 1, size, size)
    labels[..., size // 2 :] = 1
    generator = torch.Generator().manual_seed(0)
    margin = 4 * (labels - 0.5) + noise * torch.randn(labels.shape, generator=generator)
    return torch.cat([-margin, margin], 1), labels.repeat(1, 3, 1, 1)


def everywhere(guide: Tensor) -> Tensor:
    return torch.ones_like(guide[:, :1], dtype=torch.bool)


def test_single_cells_follow_their_neighbours() -> None:
    logits, guide = halves(noise=1.5)
    truth = guide[:, 0].long()
    assert (logits.argmax(1) != truth).any()
    found = smooth(logits, guide, everywhere(guide), torch.tensor(0.1))
    assert torch.equal(found.argmax(1), truth)


def test_cells_that_look_different_have_no_say() -> None:
    logits, guide = halves()
    logits[..., 5, 3] *= -1
    valid = everywhere(guide)
    # It looks like all around it, so it is noise.
    assert smooth(logits, guide, valid, torch.tensor(0.1)).argmax(1)[0, 5, 3] == 0
    # Two cells that look like each other, and like nothing around them, are a pond.
    guide[..., 5, 3:5] += 10
    logits[..., 5, 4] = logits[..., 5, 3]
    found = smooth(logits, guide, valid, torch.tensor(0.1)).argmax(1)
    assert found[0, 5, 3:5].tolist() == [1, 1]
    assert found[0, 4, 3:5].tolist() == [0, 0]


def test_invalid_cells_have_no_say() -> None:
    logits, guide = halves()
    valid = everywhere(guide)
    valid[..., 6:] = False
    some = smooth(logits, guide, valid, torch.tensor(9.0))
    other = logits.clone()
    other[..., 6:] = torch.randn(1, 2, 12, 6)
    assert torch.equal(
        smooth(other, guide, valid, torch.tensor(9.0))[..., :6], some[..., :6]
    )
    # Without neighbours, they stay what they were.
    assert torch.equal(some[..., 6:], logits[..., 6:])


@pytest.mark.parametrize('size', [(1, 1), (1, 7), (7, 1)])
def test_smallest(size: tuple[int, int]) -> None:
    logits, guide = torch.randn(2, 3, *size), torch.zeros(2, 4, *size)
    found = smooth(logits, guide, everywhere(guide), torch.tensor(0.0))
    assert found.shape == logits.shape
    assert found.isfinite().all()


def test_sees_as_far_as_it_says() -> None:
    logits, guide = torch.randn(1, 3, 31, 31), torch.randn(1, 4, 31, 31)
    valid = everywhere(guide)
    contrast = torch.tensor(8.0)
    before = smooth(logits, guide, valid, contrast)
    changed = logits.clone()
    changed[..., 15, 15] += 3
    moved = (smooth(changed, guide, valid, contrast) != before).any(1)[0].nonzero()
    reach = int((moved - 15).abs().max())
    assert 0 < reach <= SMOOTHING_ROUNDS


def test_contrast_of_neighbours() -> None:
    guide = torch.zeros(1, 3, 3, 2)
    guide[:, :, 2] = 3
    valid = torch.ones(1, 3, 3, dtype=torch.bool)
    # 3 of 12 pairs differ, by 3 in each of two bands.
    assert float(mean_contrast([guide], [valid])) == pytest.approx(18 * 3 / 12)
    valid[0, :, 2] = False
    assert float(mean_contrast([guide, guide], [valid, valid])) == 0
    assert float(mean_contrast([guide[:, :1, :1]], [valid[:, :1, :1]])) == 0
