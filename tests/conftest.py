# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What all tests share.

Imports that take long are in the functions: the process that hands tests out to others
needs none of them.
"""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Tests run side by side. This counts for libraries that are imported later.
os.environ.setdefault('OMP_NUM_THREADS', '1')


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Several processes for all tests; a few are over before these have started."""
    everything = config.args == config.getini('testpaths')
    return min(os.cpu_count() or 1, 4) if everything else 0


@pytest.fixture(autouse=True)
def _seed() -> None:
    import torch

    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _cache(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep what is kept between runs out of the user's folder."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path_factory.mktemp('cache')))


@pytest.fixture(scope='session', autouse=True)
def _fast() -> Iterator[None]:
    """Do less where it is of no matter, as scenes are small."""
    from torchgeo_ktextures.clustering import initialization, selection
    from torchgeo_ktextures.points import reading

    # What is imported stays, so that nobody has to look for garbage in it.
    gc.collect()
    gc.freeze()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(initialization, 'SAMPLES', 600)
        patch.setattr(selection, 'SELECTION_SAMPLES', 600)
        patch.setattr(reading, 'PATCHES', 32)
        yield
    gc.unfreeze()


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A small scene with two halves, nodata in a corner, and an odd size."""
    from .rasters import write_scene

    return write_scene(tmp_path / 'scene.tif')


@pytest.fixture(scope='session')
def full_quad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quad with all its 4096 x 4096 pixels, alone in a folder of its mosaic."""
    from .planet import MONTHLY, write_quad

    return write_quad(tmp_path_factory.mktemp('full') / MONTHLY, 632, 1107, size=4096)


@pytest.fixture(scope='session')
def named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a scene, a named map of it and its confidence."""
    import numpy as np

    from torchgeo_ktextures.maps import ClassEntry, relabel_map

    from .label_maps import UTM, bands_of, regions, write_labels
    from .rasters import write_raster

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
    from torchgeo_ktextures.commands.export import export

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
