# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path

import pytest
import rasterio
from rasterio.windows import Window

from torchgeo_ktextures.datasets import Olinda

from ..command import run
from ..rasters import write_raster

POINTS = str(Path(__file__).parents[2] / 'docs' / 'olinda_points.geojson')
QUIET = ['--progress', 'false', '--device', 'cpu']


@pytest.fixture(scope='session')
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The east of the shipped scene, with sea, city and forest."""
    path = tmp_path_factory.mktemp('scene') / 'east.tif'
    window = Window(189, 60, 160, 160)
    with rasterio.open(Olinda.path) as src:
        grid = {'crs': src.crs, 'transform': src.window_transform(window)}
        write_raster(path, src.read(window=window), names=src.descriptions, **grid)
    return path


@pytest.fixture(scope='session')
def folder(scene: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a map of clusters, its model, places to label, and a map of classes."""
    folder = tmp_path_factory.mktemp('classified')
    run(
        *('segment', scene, '--n-clusters', 6, '--steps', 15, *QUIET),
        *('--output', folder / 'labels.tif', '--suggest', 8),
        *('--save-checkpoint', folder / 'model.ckpt'),
    )
    run(
        *('classify', scene, '--points', POINTS, *QUIET, '--confidence', 'true'),
        *('--checkpoint', folder / 'model.ckpt', '--output', folder / 'map.tif'),
        *('--report', folder / 'map.html'),
    )
    return folder
