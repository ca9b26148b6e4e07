# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path

import pytest

from torchgeo_ktextures import KTexturesSegmenter

from ..four_regions import four_regions
from ..rasters import write_raster

NAMES = ('red', 'green', 'blue', 'nir')


@pytest.fixture(scope='session')
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of four regions."""
    path = tmp_path_factory.mktemp('model') / 'model.ckpt'
    scene = write_raster(path.with_name('fit.tif'), four_regions()[0], names=NAMES)
    segmenter = KTexturesSegmenter(4, max_steps=3, random_state=0, device='cpu')
    segmenter.fit_model(scene).save(path)
    return path


@pytest.fixture
def scenes(tmp_path: Path) -> list[Path]:
    """Three scenes of the same regions."""
    (tmp_path / 'scenes').mkdir()
    return [
        write_raster(
            tmp_path / 'scenes' / f'{i}.tif', four_regions(seed=i)[0], names=NAMES
        )
        for i in range(3)
    ]
