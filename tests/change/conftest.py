# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Two dates of a place, in other light, with a known change, and maps of them."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import rasterio

from torchgeo_ktextures.cli import main

from ..four_regions import four_regions
from ..label_maps import UTM
from ..rasters import write_raster

NAMES = ('red', 'green', 'blue', 'nir')
QUIET = ('--progress', 'false', '--device', 'cpu', '--steps', '50')

#: Where there is water at the second date, and was soil, or town, at the first.
CHANGED = (slice(60, 84), slice(30, 54))

#: What bands of the second date are multiplied by, and what is added.
GAIN = np.array([1.2, 0.8, 1.1, 0.9])
OFFSET = np.array([300, -80, 0, 150])


def run(*args: object) -> None:
    main([str(arg) for arg in args])


def read(path: Path) -> npt.NDArray[np.uint8]:
    with rasterio.open(path) as src:
        labels: npt.NDArray[np.uint8] = src.read(1)
    return labels


def tags_of(path: Path) -> dict[str, str]:
    with rasterio.open(path) as src:
        return {**src.tags(), **src.tags(1)}


def counts_of(
    seed: int, change: bool = False, light: bool = False
) -> npt.NDArray[np.uint16]:
    """Digital numbers of the place, of shape (4, 96, 96)."""
    bands, _ = four_regions(seed=seed)
    if change:
        bands[:, *CHANGED] = four_regions(seed=seed + 1)[0][:, :24, :24]
    data = bands * 10_000
    if light:
        data = data * GAIN[:, None, None] + OFFSET[:, None, None]
    return data.clip(1, 65_535).round().astype(np.uint16)


@pytest.fixture(scope='session')
def dates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with old.tif and new.tif, in which CHANGED is water, in other light."""
    folder = tmp_path_factory.mktemp('dates')
    for name, data in (
        ('old', counts_of(0)),
        ('new', counts_of(10, change=True, light=True)),
    ):
        write_raster(folder / f'{name}.tif', data, names=NAMES, nodata=0, **UTM)
    return folder


@pytest.fixture(scope='session')
def fitted(dates: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with maps/old_labels.tif, maps/new_labels.tif and model.ckpt."""
    folder = tmp_path_factory.mktemp('fitted')
    run(
        *('segment', dates / 'old.tif', dates / 'new.tif', '--n-clusters', 4, *QUIET),
        *('--normalize', 'relative', '--confidence', 'true'),
        *('--output', folder / 'maps', '--save-checkpoint', folder / 'model.ckpt'),
    )
    return folder
