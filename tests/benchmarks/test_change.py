# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path

import numpy as np
import pytest

from benchmarks import change, change_methods, change_pairs

from ..four_regions import four_regions
from ..rasters import write_raster


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two dates of a place, and only methods that need no fit."""
    for i in range(2):
        data = 1000 * four_regions(seed=i)[0]
        write_raster(tmp_path / f'{i}.tif', data.astype(np.float32))
    monkeypatch.setattr(change_pairs, 'PLACES', {'place': ('0.tif', '1.tif')})
    monkeypatch.setattr(change_pairs, 'CROPS', (('place', 0, 0, 0),))
    monkeypatch.setattr(change, 'METHODS', (change_methods.peers,))
    for module in (change, change_pairs):
        monkeypatch.setattr(module, 'CONDITIONS', ('copy', 'all'))
    return tmp_path


def test_pairs(root: Path) -> None:
    pairs = list(change_pairs.make_pairs(root, 0))
    assert len(pairs) == 2 * len(change_pairs.CONDITIONS)
    for pair in pairs:
        assert pair.truth is not None
        assert pair.truth.any() == pair.pasted
        differs = (pair.old != pair.new).any(0)
        if pair.condition == 'copy':
            assert (differs == pair.truth).all()
        else:
            assert differs.mean() > 0.9
    again = next(change_pairs.make_pairs(root, 0))
    assert (again.new == pairs[0].new).all()
    (true,) = change_pairs.true_pairs(root)
    assert true.truth is None
    assert true.old.shape == true.new.shape


def test_run(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ['--data-root', str(root), '--output', str(root / 'change.csv')]
    change.main(args)
    first = capsys.readouterr().out
    assert '| difference, Otsu | ' in first
    assert 'place 1 to 2' in first
    change.main(args)
    assert capsys.readouterr().out == first[first.index('### F1') :]


def test_scores() -> None:
    truth = np.zeros((10, 10), bool)
    truth[:2] = True
    found = np.zeros((10, 10), bool)
    found[1:3] = True
    image = np.zeros((3, 10, 10))
    pair = change_pairs.Pair('a', 'copy', True, image, image, truth)
    row = change.score(pair, change_methods.Found(found, 0.5))
    assert list(row.values()) == ['0.50000'] * 3 + ['0.20000', '0.50000']
