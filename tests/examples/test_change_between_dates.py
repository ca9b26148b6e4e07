# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio

from torchgeo_ktextures.datasets import Olinda

from ..test_docs import small_olinda

EXAMPLE = Path(__file__).parents[2] / 'examples' / 'change_between_dates.py'


@pytest.mark.filterwarnings('ignore')
def test_change_between_dates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Olinda, 'path', str(small_olinda(tmp_path / 'a' / 'b.tif')))
    main = runpy.run_path(str(EXAMPLE))['main']
    main(['--output', str(tmp_path), '--n-clusters', '4', '--steps', '1'])
    table = pd.read_csv(tmp_path / 'change.csv')
    assert table.percent.sum() == pytest.approx(100, abs=0.01)
    with rasterio.open(tmp_path / 'change.tif') as src:
        codes = src.read(1)
    changed = (codes > 0) & (codes <= 16)
    # Four round areas of 4 % of the scene; small ones stay unseen at this size.
    assert 0.005 < changed.mean() < 0.06
    with (
        rasterio.open(tmp_path / 'olinda_2000.tif') as old,
        rasterio.open(tmp_path / 'olinda_2001.tif') as new,
    ):
        bands = np.stack([old.read(), new.read()]).astype(float)
    ratio = bands[1, 0] / bands[0, 0]
    assert abs(np.median(ratio) - 1.15) < 0.02
    for name in ('change.html', 'change.png'):
        assert (tmp_path / name).stat().st_size > 10_000
