# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import torch

from torchgeo_ktextures.clustering import box_filter
from torchgeo_ktextures.clustering.filters import edge_filter


def test_edge_filter_keeps_edges() -> None:
    step = torch.zeros(1, 2, 24, 24)
    step[..., 10:] = 1
    noisy = step + 0.1 * torch.randn(1, 2, 24, 24)
    for size in (3, 5):
        found = edge_filter(noisy, size)
        assert found.shape == noisy.shape
        # Less noise than before, and both sides stay apart: a window around the edge
        # mixes them.
        assert (found - step).square().mean() < (noisy - step).square().mean()
        assert (found - step).abs().max() < 0.4
        assert (box_filter(noisy, size) - step).abs().max() > 0.25
        assert torch.allclose(edge_filter(step, size), step, atol=1e-4)


def test_edge_filter_of_any_range() -> None:
    assert (edge_filter(torch.full((1, 3, 2, 2), 7.0), 3) == 7).all()
    huge = 1e6 * torch.randn(1, 3, 16, 16)
    assert edge_filter(huge, 3).isfinite().all()
