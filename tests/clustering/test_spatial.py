# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import pytest
import torch

from torchgeo_ktextures.clustering.spatial import autocorrelation, noise_whitening


def test_autocorrelation() -> None:
    regions = (torch.arange(64) // 16 % 2).float().expand(2, 64, 64)
    maps = torch.stack([regions, torch.randn(2, 64, 64)], dim=-1)
    valid = torch.ones(2, 64, 64, dtype=torch.bool)
    signal, noise = autocorrelation([maps], [valid], lag=2)
    # Along the stripes, nothing changes.
    assert signal == pytest.approx(1, abs=0.01)
    assert noise < 0.05
    # Maps too small to tell are not held against a component.
    small = autocorrelation([maps[:, :2, :2]], [valid[:, :2, :2]], lag=2)
    assert small.tolist() == [1, 1]


def test_noise_whitening() -> None:
    # Two bands: loud noise, and a faint step between two regions.
    step = (torch.arange(64) // 32).float().expand(1, 64, 64)
    maps = torch.stack([5 * torch.randn(1, 64, 64), step], dim=-1)
    maps[..., 1] += 0.05 * torch.randn(1, 64, 64)
    valid = torch.ones(1, 64, 64, dtype=torch.bool)
    matrix = noise_whitening([maps], [valid], lag=1).float()
    found = maps @ matrix
    assert found.flatten(0, 2).var(0, correction=0).sum() == pytest.approx(1, rel=1e-4)
    # The step is most of the variance now.
    far = (found[:, :, 40:].mean((0, 1, 2)) - found[:, :, :24].mean((0, 1, 2))).norm()
    assert far > 1.5
    # What is invalid does not count, and a single cell has no neighbour.
    valid[:, :32] = False
    spoiled = torch.where(valid[..., None], maps, 1e6)
    assert noise_whitening([spoiled], [valid], lag=1).isfinite().all()
    one = noise_whitening([maps[:, :1, :1]], [~valid[:, :1, :1]], lag=1)
    assert one.isfinite().all()
