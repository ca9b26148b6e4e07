# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import runpy
from pathlib import Path

import numpy as np
import xarray as xr

from ..four_regions import agreement, four_regions

EXAMPLE = Path(__file__).parents[2] / 'examples' / 'xarray_in_out.py'


def test_xarray_in_out(tmp_path: Path) -> None:
    bands, truth = four_regions()
    bands[:, :5, :7] = np.nan
    y, x = 5e6 - 10 * np.arange(96), 3e5 + 10 * np.arange(96)
    names = ('red', 'green', 'blue', 'nir')
    scene = xr.Dataset(
        {n: (('y', 'x'), b) for n, b in zip(names, bands, strict=True)},
        coords={'y': y, 'x': x},
    )
    scene.to_netcdf(tmp_path / 'scene.nc')
    main = runpy.run_path(str(EXAMPLE))['main']
    files = [str(tmp_path / name) for name in ('scene.nc', 'labels.nc')]
    main([*files, '--n-clusters', '4', '--steps', '3'])
    with xr.open_dataset(tmp_path / 'labels.nc') as found:
        labels = found['class']
        assert (labels.x == x).all()
        assert (labels.y == y).all()
        values = labels.to_numpy()
    invalid = np.isnan(values)
    assert invalid[:5, :7].all()
    assert invalid.sum() == 35
    assert agreement(truth, values, ~invalid) > 0.9
