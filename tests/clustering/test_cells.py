# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import torch

from torchgeo_ktextures.clustering.cells import spread_cells


def test_cells_are_spread_evenly() -> None:
    cells = spread_cells(240_000, 10_000)
    assert abs(len(cells) - 10_000) < 5
    assert (cells.diff() > 0).all()
    # All columns of patches of 24 cells, and all parts of the sample.
    for counts in (torch.bincount(cells % 24), torch.histc(cells.double(), 24)):
        assert counts.min() > 0.9 * counts.max()
    assert torch.equal(spread_cells(30, 100), torch.arange(30))
