# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path

import numpy as np
import pytest

from torchgeo_ktextures.datasets import RasterWindows
from torchgeo_ktextures.samplers import GridWindowSampler, RandomWindowSampler

from ..rasters import scene_pixels, write_raster, write_scene


@pytest.mark.parametrize('size', [16, 32, 75, 512])
@pytest.mark.parametrize('margin', [0, 16, 100])
def test_grid_covers_every_pixel_once(tmp_path: Path, size: int, margin: int) -> None:
    write_scene(tmp_path / 'a.tif')
    write_raster(tmp_path / 'b.tif', scene_pixels(33, 17))
    dataset = RasterWindows(tmp_path)
    sampler = GridWindowSampler(dataset, size, margin)
    counts = [np.zeros(shape, int) for shape in dataset.shapes]
    windows = list(sampler)
    assert len(windows) == len(sampler)
    assert len(windows) == sum(-(-h // size) * -(-w // size) for h, w in dataset.shapes)
    for w in windows:
        height, width = dataset.shapes[w.file]
        assert 0 <= w.row <= w.core_row
        assert w.core_row + w.core_height <= w.row + w.height <= height
        assert 0 <= w.col <= w.core_col
        assert w.core_col + w.core_width <= w.col + w.width <= width
        rows = slice(w.core_row, w.core_row + w.core_height)
        cols = slice(w.core_col, w.core_col + w.core_width)
        counts[w.file][rows, cols] += 1
    assert all((count == 1).all() for count in counts)


def test_random_reaches_borders_and_stays_inside(scene: Path) -> None:
    dataset = RasterWindows(scene)
    sampler = RandomWindowSampler(dataset, 32, 2000, seed=1)
    windows = list(sampler)
    assert len(windows) == len(sampler) == 2000
    rows = {w.row for w in windows}
    cols = {w.col for w in windows}
    assert (min(rows), max(rows)) == (0, 75 - 32)
    assert (min(cols), max(cols)) == (0, 101 - 32)
    assert all(w.height == w.width == 32 for w in windows)
    again = RandomWindowSampler(dataset, 32, 2000, seed=1)
    assert list(again) == windows
    assert list(again) != windows  # another epoch


def test_patch_of_the_size_of_the_raster(tmp_path: Path) -> None:
    path = write_raster(tmp_path / 'square.tif', scene_pixels(40, 40))
    windows = list(RandomWindowSampler(RasterWindows(path), 40, 5))
    assert {(w.row, w.col) for w in windows} == {(0, 0)}


def test_windows_hold_data(tmp_path: Path) -> None:
    data = np.zeros((4, 200, 200), np.float32)
    data[:, 150:160, 30:40] = 5
    path = write_raster(tmp_path / 'rare.tif', data, nodata=0)
    dataset = RasterWindows(path)
    for window in RandomWindowSampler(dataset, 32, 50):
        assert dataset[window]['mask_valid'].any()


def test_spread_stands_for_all(tmp_path: Path) -> None:
    data = scene_pixels(200, 300)
    data[:, :, 150:] = 0
    paths = [write_raster(tmp_path / f'{i}.tif', data, nodata=0) for i in range(3)]
    dataset = RasterWindows(paths)
    sampler = RandomWindowSampler(dataset, 32, 10, seed=1)
    every = sampler.spread(1000)
    assert every == RandomWindowSampler(dataset, 32, 10, seed=2).spread(1000)
    seen = [np.zeros(shape, bool) for shape in dataset.shapes]
    for w in every:
        assert dataset[w]['mask_valid'].any()
        seen[w.file][w.row : w.row + w.height, w.col : w.col + w.width] = True
    assert all(mask[:, :150].all() for mask in seen)
    some = sampler.spread(9)
    assert len(set(some)) == 9
    assert [sum(w.file == i for w in some) for i in range(3)] == [3, 3, 3]
    assert set(some) < set(every)


def test_bad_arguments(tmp_path: Path, scene: Path) -> None:
    dataset = RasterWindows(scene)
    with pytest.raises(ValueError, match=r'75 x 101 pixels.*patch_size of at most 75'):
        RandomWindowSampler(dataset, 96, 10)
    with pytest.raises(ValueError, match='size=0'):
        RandomWindowSampler(dataset, 0, 10)
    with pytest.raises(ValueError, match='margin=-1'):
        GridWindowSampler(dataset, 16, -1)
    empty = np.zeros((4, 64, 64), np.float32)
    path = write_raster(tmp_path / 'empty.tif', empty, nodata=0)
    with pytest.raises(ValueError, match='empty.tif: no pixel is valid.*check nodata'):
        RandomWindowSampler(RasterWindows(path), 32, 10)
