# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path

import numpy as np
import pytest
import torch

from torchgeo_ktextures.commands.export import export
from torchgeo_ktextures.maps import ClassEntry, relabel_map

from .label_maps import UTM, bands_of, regions, write_labels
from .rasters import write_raster, write_scene


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _cache(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep what is kept between runs out of the user's folder."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path_factory.mktemp('cache')))


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A small scene with two halves, nodata in a corner, and an odd size."""
    return write_scene(tmp_path / 'scene.tif')


@pytest.fixture(scope='session')
def named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a scene, a named map of it and its confidence."""
    folder = tmp_path_factory.mktemp('named')
    labels = regions(200, 232)
    write_raster(folder / 'scene.tif', bands_of(labels), nodata=0, **UTM)
    rng = np.random.default_rng(1)
    sure = rng.integers(0, 101, labels.shape).astype(np.uint8)
    sure[labels == 255] = 255
    write_raster(folder / 'confidence.tif', sure[None], nodata=255, **UTM)
    write_labels(folder / 'labels.tif', labels)
    names = ('sea', 'forest', None, 'city')
    entries = [ClassEntry(i, (9 * i, 10, 20), name=n) for i, n in enumerate(names)]
    relabel_map(folder / 'labels.tif', entries, folder / 'named.tif', min_area='4px')
    return folder


@pytest.fixture(scope='session')
def samples(named: Path) -> Path:
    """Training samples of the map."""
    export(
        str(named / 'named.tif'),
        str(named / 'scene.tif'),
        str(named / 'samples'),
        confidence=str(named / 'confidence.tif'),
        scale=1000,
        chip_size=32,
        points=50,
    )
    return named / 'samples'
