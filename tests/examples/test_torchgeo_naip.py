# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import runpy
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import Affine

from ..four_regions import agreement, four_regions
from ..rasters import write_raster

EXAMPLE = Path(__file__).parents[2] / 'examples' / 'torchgeo_naip.py'


def test_torchgeo_naip(tmp_path: Path) -> None:
    bands, truth = four_regions()
    data = (bands * 400).clip(1, 255).astype(np.uint8)
    data[:, :, :9] = 0
    transform = Affine(0.6, 0, 371_646, 0, -0.6, 4_200_528)
    source = tmp_path / 'm_3807511_ne_18_060_20181104.tif'
    write_raster(source, data, crs='EPSG:26918', transform=transform)
    main = runpy.run_path(str(EXAMPLE))['main']
    main([
        str(tmp_path), '--output', str(tmp_path / 'maps'), '--n-clusters', '4',
        '--steps', '4', '--patch-size', '48', '--tile-size', '64',
    ])  # fmt: skip
    (path,) = (tmp_path / 'maps').glob('*.tif')
    with rasterio.open(path) as found:
        labels = found.read(1)
        assert (found.crs.to_epsg(), found.transform) == (26918, transform)
    assert (labels[:, :9] == 255).all()
    assert agreement(truth, labels, np.arange(96) >= 9) > 0.9
