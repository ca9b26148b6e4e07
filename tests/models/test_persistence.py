# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import pytest
import torch

from torchgeo_ktextures.models.persistence import autocorrelation, persistence


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


def test_persistence() -> None:
    regions = (torch.arange(64) // 32).expand(1, 64, 64)
    valid = torch.ones(1, 64, 64, dtype=torch.bool)
    # One of 32 pairs across, and none along, is of two classes.
    assert persistence([regions], [valid], lag=2) == pytest.approx(1 - 2 / 62, abs=1e-3)
    noise = torch.randint(2, (1, 64, 64))
    assert abs(persistence([noise], [valid], lag=2)) < 0.05
    # What is invalid does not count.
    spoiled = torch.where(torch.rand(1, 64, 64) < 0.5, regions, noise)
    assert persistence([spoiled], [spoiled == regions], lag=2) > 0.9
    assert persistence([torch.zeros(1, 8, 8).long()], [valid[:, :8, :8]], lag=2) == 0
    assert persistence([regions[:, :2, :2]], [valid[:, :2, :2]], lag=2) == 0
