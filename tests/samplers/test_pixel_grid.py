# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from rasterio.windows import Window
from torchgeo.samplers import (
    RandomTimestampSampler,
    SequentialTimestampSampler,
    SpatioTemporalSampler,
)

from tests.planet import MONTHLY, write_planet_scene, write_quad
from torchgeo_ktextures.datasets import PlanetBasemap, PlanetScope
from torchgeo_ktextures.samplers import PixelGridSampler

JULY = MONTHLY.replace('06', '07')


@pytest.fixture(scope='module')
def full(full_quad: Path) -> PlanetBasemap:
    """One quad with all its 4096 x 4096 pixels."""
    return PlanetBasemap(full_quad.parents[1])


@pytest.mark.parametrize(
    ('size', 'overlap'),
    [
        (4096, 0),
        (2048, 0),
        (1024, 0),
        (1000, 0),
        (512, 0),
        (512, 64),
        (512, 192),
        (500, 1),
        (333, 32),
        (256, 255 - 127),
        (224, 0),
        (96, 13),
        (4095, 0),
        (4096, 100),
    ],
)
def test_number_of_patches(full: PlanetBasemap, size: int, overlap: int) -> None:
    sampler = PixelGridSampler(full, size=size, overlap=overlap)
    expected = math.ceil((4096 - overlap) / (size - overlap)) ** 2
    assert len(sampler) == expected
    patches = list(sampler)
    assert len(patches) == expected
    left, bottom, right, top = full.index.total_bounds
    res = 4.777314267158508
    covered = np.zeros((4096, 4096), np.int8)
    for x, y in patches:
        col, row = (x.start - left) / res, (top - y.stop) / res
        # whole pixels, no drift, nothing outside the quad
        assert abs(col - round(col)) < 1e-4
        assert abs(row - round(row)) < 1e-4
        assert abs((x.stop - x.start) / res - size) < 1e-4
        assert x.start > left - res / 1000
        assert x.stop < right + res / 1000
        assert y.start > bottom - res / 1000
        assert y.stop < top + res / 1000
        w = sampler.locate((x, y))
        assert (w.row, w.col) == (round(row), round(col))
        core = np.s_[
            w.core_row : w.core_row + w.core_height,
            w.core_col : w.core_col + w.core_width,
        ]
        covered[core] += 1
        # the crop margin is there unless the data ends
        assert w.core_row - w.row >= overlap // 2 or w.core_row == 0
        assert w.core_col - w.col >= overlap // 2 or w.core_col == 0
        end = w.core_row + w.core_height
        assert w.row + w.height - end >= overlap // 2 or end == 4096
    assert (covered == 1).all()


def test_patches_have_their_pixels(full: PlanetBasemap, full_quad: Path) -> None:
    sampler = PixelGridSampler(full, size=1000, overlap=50)
    with rasterio.open(full_quad) as src:
        for x, y in list(sampler)[::7]:
            w = sampler.locate((x, y))
            window = Window(w.col, w.row, w.width, w.height)
            expected = src.read([3, 2, 1, 4], window=window) / 10_000
            assert np.allclose(full[x, y]['image'].numpy(), expected)


def test_patch_larger_than_the_data(tmp_path: Path) -> None:
    write_quad(tmp_path / MONTHLY, size=64)
    ds = PlanetBasemap(tmp_path)
    sampler = PixelGridSampler(ds, size=(100, 48))
    patches = list(sampler)
    assert len(patches) == 2
    sample = ds[patches[0]]
    assert sample['image'].shape == (4, 100, 48)
    assert sample['mask_valid'].sum() == 64 * 48
    assert sampler.locate(patches[0])[5:] == (0, 0, 64, 32 + 0)


@pytest.fixture
def scattered(tmp_path: Path) -> PlanetBasemap:
    """Two quads that touch and one apart; another month has only the first."""
    for x, y in ((632, 1107), (633, 1107), (634, 1106)):
        write_quad(tmp_path / MONTHLY, x, y, size=64, seed=x)
    write_quad(tmp_path / JULY, 632, 1107, size=64, seed=7)
    return PlanetBasemap(tmp_path)


def test_only_where_there_are_quads(scattered: PlanetBasemap) -> None:
    sampler = PixelGridSampler(scattered, size=32)
    assert len(sampler) == 3 * 4
    assert len(list(PixelGridSampler(scattered, size=64))) == 3
    roi = shapely.box(*scattered.index.geometry.iloc[0].bounds)
    assert len(PixelGridSampler(scattered, size=32, roi=roi)) == 4


def test_times_a_temporal_sampler(scattered: PlanetBasemap) -> None:
    grid = PixelGridSampler(scattered, size=32)
    sampler = grid @ SequentialTimestampSampler(scattered)
    assert isinstance(sampler, SpatioTemporalSampler)
    items = list(sampler)
    assert len(items) == len(sampler) == 12 + 4
    # one date after the other, and only where it has data
    starts = [t.start for _, _, t in items]
    assert starts == sorted(starts)
    assert all(scattered[item]['mask_valid'].all() for item in items)
    toi = pd.Interval(pd.Timestamp('2021-07-02'), pd.Timestamp('2021-07-05'))
    chosen = grid @ SequentialTimestampSampler(scattered, toi=toi)
    assert len(list(chosen)) == 4
    random = grid @ RandomTimestampSampler(scattered, generator=0)
    assert len(list(random)) == len(random) >= 12


def test_plot(scattered: PlanetBasemap, tmp_path: Path) -> None:
    sampler = PixelGridSampler(scattered, size=64)
    sampler.plot().save(tmp_path / 'grid.gif', writer='pillow')
    both = sampler @ SequentialTimestampSampler(scattered)
    both.plot().save(tmp_path / 'times.gif', writer='pillow')
    plt.close('all')


def test_files_off_the_grid(tmp_path: Path) -> None:
    write_planet_scene(tmp_path, '20210613_101234_2413_3B_AnalyticMS_SR.tif')
    write_planet_scene(
        tmp_path,
        '20210614_101234_2413_3B_AnalyticMS_SR.tif',
        origin=(614_626.2, 4_175_412.0),
    )
    ds = PlanetScope(tmp_path, valid_classes=None)
    with pytest.raises(ValueError, match=r'0.40 pixels off the grid'):
        PixelGridSampler(ds, size=32)


@pytest.mark.parametrize('overlap', [-1, 32, 40])
def test_bad_overlap(scattered: PlanetBasemap, overlap: int) -> None:
    with pytest.raises(ValueError, match=f'overlap={overlap}'):
        PixelGridSampler(scattered, size=32, overlap=overlap)


def test_bad_size(scattered: PlanetBasemap) -> None:
    with pytest.raises(ValueError, match='size=0'):
        PixelGridSampler(scattered, size=0)
