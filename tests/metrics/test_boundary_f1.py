# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import pytest
import torch

from torchgeo_ktextures.metrics import BoundaryF1


def halves(column: int) -> torch.Tensor:
    labels = torch.zeros(10, 20, dtype=torch.long)
    labels[:, column:] = 1
    return labels


def test_tolerance() -> None:
    for shift, expected in ((0, 1), (2, 1), (3, 0)):
        metric = BoundaryF1(tolerance=2)
        metric.update(halves(10 + shift), halves(10))
        assert metric.compute() == expected


def test_names_do_not_matter_and_batches_add_up() -> None:
    preds = torch.stack([1 - halves(10), halves(4)])
    target = torch.stack([halves(10), halves(14)])
    whole, parts = BoundaryF1(), BoundaryF1()
    whole.update(preds, target)
    for p, t in zip(preds, target, strict=True):
        parts.update(p, t)
    assert whole.compute() == parts.compute() == pytest.approx(0.5)


def test_false_boundaries_and_ignored_pixels() -> None:
    target, preds = halves(10), halves(10)
    preds[:, 3] = 7
    metric = BoundaryF1()
    metric.update(preds, target)
    # Three boundaries drawn of which one is true, and none missed.
    assert metric.compute() == pytest.approx(2 * (1 / 3) / (1 / 3 + 1))
    target[:, :7] = 255
    metric.reset()
    metric.update(preds, target)
    assert metric.compute() == 1
    metric.reset()
    metric.update(torch.zeros(4, 4), torch.full((4, 4), 255))
    assert metric.compute().isnan()
