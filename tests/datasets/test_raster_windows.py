# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import pickle
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import rasterio
import torch
from rasterio.enums import ColorInterp

from torchgeo_ktextures.datasets import (
    PixelWindow,
    RasterWindows,
    band_indexes,
    open_raster,
    valid_pixels,
)

from ..rasters import TRANSFORM, scene_pixels, write_raster, write_scene


def whole(dataset: RasterWindows, file: int = 0) -> PixelWindow:
    height, width = dataset.shapes[file]
    return PixelWindow(file, 0, 0, height, width, 0, 0, height, width)


def test_sample(scene: Path) -> None:
    dataset = RasterWindows(scene, scale=10_000)
    assert len(dataset) == 1
    sample = dataset[PixelWindow(0, 5, 7, 16, 32, 5, 7, 16, 32)]
    expected = rasterio.open(scene).read()[:, 5:21, 7:39] / 10_000
    assert torch.allclose(sample['image'], torch.from_numpy(expected).float())
    assert sample['mask_valid'].shape == (1, 16, 32)
    assert not sample['mask_valid'][0, :5, :13].any()
    assert sample['mask_valid'].sum() == 16 * 32 - 5 * 13
    assert sample['window'].tolist() == [0, 5, 7, 16, 32, 5, 7, 16, 32]
    t = TRANSFORM
    corner = (t.c + 7 * t.a, t.f + 5 * t.e)
    assert sample['transform'].tolist() == pytest.approx(
        [t.a, 0, corner[0], 0, t.e, corner[1], 0, 0, 1]
    )
    assert sample['bounds'].shape == (9,)
    assert all(isinstance(value, torch.Tensor) for value in sample.values())


def test_bands_by_name_number_and_order(tmp_path: Path) -> None:
    data = np.stack([np.full((8, 8), i, np.uint8) for i in range(1, 6)])
    names = ['Blue_B02', 'green', 'red_B4', 'nir_B8', 'swir']
    named = write_raster(tmp_path / 'named.tif', data, names=names)
    bare = write_raster(tmp_path / 'bare.tif', data)

    def values(path: Path, **kwargs: object) -> list[float]:
        dataset = RasterWindows(path, **kwargs)  # type: ignore[arg-type]
        return dataset[whole(dataset)]['image'][:, 0, 0].tolist()

    assert values(named) == [3, 2, 1, 4]
    assert values(named, bands=['NIR', 'red_b4', 5]) == [4, 3, 5]
    assert values(bare, all_bands=['blue', 'green', 'red', 'nir', 'x']) == [3, 2, 1, 4]
    assert values(bare, bands=[4, '1']) == [4, 1]
    assert values(bare) == [1, 2, 3, 4]
    with open_raster(str(bare)) as src:
        with pytest.raises(ValueError, match="no band 'swir'.*5 bands.*all_bands"):
            band_indexes(src, ['swir'])
        with pytest.raises(ValueError, match="band 'x' is number 6"):
            band_indexes(src, ['x'], all_bands=['a', 'b', 'c', 'd', 'e', 'x'])
        with pytest.raises(ValueError, match='5 bands, but band 9 is number 9'):
            band_indexes(src, [9])
    rgb = write_raster(tmp_path / 'rgb.tif', data[:3])
    with pytest.raises(ValueError, match=r"rgb.tif has no band 'nir': its 3 bands"):
        RasterWindows(rgb)


@pytest.mark.parametrize(
    ('pixel', 'nodata', 'valid'),
    [
        ([1, 2, 3], None, True),
        ([0, 0, 0], None, True),
        ([0, 0, 0], 0, False),
        ([0, 5, 5], 0, True),
        ([-9999, 5, 5], -9999, False),
        ([float('nan'), 5, 5], None, False),
        ([float('inf'), 5, 5], 0, False),
        ([float('nan'), 5, 5], float('nan'), False),
    ],
)
def test_valid_pixels(pixel: list[float], nodata: float | None, valid: bool) -> None:
    data = np.array(pixel, np.float32)[:, None, None]
    assert valid_pixels(data, nodata).item() is valid


def test_alpha_band_and_mask_band(tmp_path: Path) -> None:
    data = np.full((5, 8, 8), 100, np.uint8)
    data[3:, :2] = 0
    path = write_raster(tmp_path / 'alpha.tif', data, photometric='RGB')
    with rasterio.open(path, 'r+') as dst:
        dst.colorinterp = [
            ColorInterp.red,
            ColorInterp.green,
            ColorInterp.blue,
            ColorInterp.undefined,
            ColorInterp.alpha,
        ]
    dataset = RasterWindows(path)
    assert dataset[whole(dataset)]['mask_valid'].sum() == 48
    # A fourth band marked as alpha by a careless writer, but asked for as data.
    careless = write_raster(
        tmp_path / 'careless.tif', data[:4], photometric='RGB', ALPHA='YES'
    )
    with rasterio.open(careless) as src:
        assert src.colorinterp[3] == ColorInterp.alpha
    dataset = RasterWindows(careless)
    assert dataset[whole(dataset)]['mask_valid'].all()
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        masked = write_raster(tmp_path / 'masked.tif', data[:3])
        with rasterio.open(masked, 'r+') as dst:
            dst.write_mask(data[4] > 0)
    dataset = RasterWindows(masked, bands=['red', 'green', 'blue'])
    assert dataset[whole(dataset)]['mask_valid'].sum() == 48


def test_nodata_argument_wins(scene: Path) -> None:
    dataset = RasterWindows(scene, nodata=-1)
    assert dataset[whole(dataset)]['mask_valid'].all()


def test_masks(tmp_path: Path) -> None:
    scene = write_scene(tmp_path / 'images.tif')
    labels = np.zeros((1, 75, 101), np.uint8)
    labels[..., 50:] = 1
    folder = tmp_path / 'masks'
    folder.mkdir()
    with pytest.raises(FileNotFoundError, match='holds no raster'):
        RasterWindows(scene, mask_paths=folder)
    write_raster(folder / 'images.tif', labels)
    dataset = RasterWindows(scene, mask_paths=folder)
    sample = dataset[whole(dataset)]
    assert (sample['mask'][:10, :20] == 255).all()
    assert (sample['mask'][10:, 50:] == 1).all()
    dataset.plot(sample, suptitle='title')
    plt.close()
    write_raster(folder / 'images.tif', labels[:, 1:])
    with pytest.raises(ValueError, match='74 x 101 pixels.*75 x 101'):
        RasterWindows(scene, mask_paths=folder)
    (folder / 'images.tif').rename(folder / 'other.tif')
    with pytest.raises(FileNotFoundError, match="no label raster named 'images'"):
        RasterWindows(scene, mask_paths=folder)


def test_folders_and_workers(tmp_path: Path) -> None:
    for name in ('b.tif', 'a.TIF'):
        write_scene(tmp_path / name)
    (tmp_path / 'notes.txt').write_text('not a raster')
    dataset = RasterWindows(tmp_path)
    assert [Path(f).name for f in dataset.files] == ['a.TIF', 'b.tif']
    sample = dataset[whole(dataset, 1)]
    copy = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(copy[whole(copy, 1)]['image'], sample['image'])


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='missing.tif.*does not exist'):
        RasterWindows(tmp_path / 'missing.tif')
    with pytest.raises(FileNotFoundError, match='holds no raster'):
        RasterWindows(tmp_path)
    with pytest.raises(FileNotFoundError, match='no raster is given'):
        RasterWindows([])
    text = tmp_path / 'text.tif'
    text.write_text('no raster')
    with pytest.raises(ValueError, match='text.tif is not a readable raster'):
        RasterWindows(text)
    with pytest.raises(ValueError, match='scale=0 must be positive'):
        RasterWindows(text, scale=0)


def test_truncated_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = rng.integers(0, 2**16, (4, 300, 300), dtype=np.uint16)
    path = write_raster(tmp_path / 'cut.tif', data)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=r'cut\.tif.*(truncated|readable)'):
        dataset = RasterWindows(path)
        dataset[whole(dataset)]


def test_no_georeference(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    path = tmp_path / 'plain.tif'
    data = scene_pixels()
    with rasterio.open(
        path, 'w', driver='GTiff', count=4, height=75, width=101, dtype=data.dtype
    ) as dst:
        dst.write(data)
    recwarn.clear()
    dataset = RasterWindows(path)
    sample = dataset[whole(dataset)]
    assert torch.equal(sample['image'], torch.from_numpy(data))
    assert not recwarn.list
