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
    raster_bands,
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
        with pytest.raises(ValueError, match="no band 'swir'.*5 bands.*--bands"):
            band_indexes(src, ['swir'])
        with pytest.raises(ValueError, match="no band 'x': it has 5 bands"):
            band_indexes(src, ['x'], all_bands=['a', 'b', 'c', 'd', 'e', 'x'])
        with pytest.raises(ValueError, match='no band 9: it has 5 bands'):
            band_indexes(src, [9])
    rgb = write_raster(tmp_path / 'rgb.tif', data[:3])
    with pytest.raises(ValueError, match=r"rgb.tif has no band 'nir': it has 3 bands"):
        RasterWindows(rgb)


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
    # A fourth band of alpha is a mask, unless it is asked for by its number.
    rgba = write_raster(tmp_path / 'rgba.tif', data[:4], photometric='RGB', ALPHA='YES')
    with rasterio.open(rgba) as src:
        assert src.colorinterp[3] == ColorInterp.alpha
        assert raster_bands(src) == ['red', 'green', 'blue']
    dataset = RasterWindows(rgba, bands=['red', 'green', 'blue'])
    assert dataset[whole(dataset)]['mask_valid'].sum() == 48
    dataset = RasterWindows(rgba, bands=[1, 2, 3, 4])
    assert dataset[whole(dataset)]['mask_valid'].all()
    with pytest.raises(ValueError, match="no band 'nir'.*band 4 is a mask"):
        RasterWindows(rgba)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        masked = write_raster(tmp_path / 'masked.tif', data[:3])
        with rasterio.open(masked, 'r+') as dst:
            dst.write_mask(data[4] > 0)
    dataset = RasterWindows(masked, bands=['red', 'green', 'blue'])
    assert dataset[whole(dataset)]['mask_valid'].sum() == 48


def test_nodata_argument_adds(scene: Path) -> None:
    with rasterio.open(scene) as src:
        bands = src.read()
    value = int(bands[0, 40, 40])
    dataset = RasterWindows(scene, nodata=[-1, value])
    missing = (bands == 0).all(0) | (bands == value).any(0)
    assert missing[40, 40]
    assert (dataset[whole(dataset)]['mask_valid'][0].numpy() == ~missing).all()


def test_scale_and_offset_tags(tmp_path: Path) -> None:
    # As in Landsat Collection 2.
    data = np.arange(4 * 64, dtype=np.uint16).reshape(4, 8, 8) + 7000
    path = write_raster(tmp_path / 'l2.tif', data)
    with rasterio.open(path, 'r+') as dst:
        dst.scales, dst.offsets = (2.75e-5,) * 4, (-0.2,) * 4
    dataset = RasterWindows(path)
    values = dataset[whole(dataset)]['image'].numpy()
    assert values == pytest.approx(data * 2.75e-5 - 0.2, abs=1e-6)
    dataset = RasterWindows(path, scale=10_000)
    assert dataset[whole(dataset)]['image'].numpy() == pytest.approx(data / 10_000)


def test_mixed_and_complex_types(tmp_path: Path) -> None:
    kinds = ('uint16', 'float32', 'uint8', 'int16')
    for i, kind in enumerate(kinds):
        write_raster(tmp_path / f'{i}.tif', np.full((1, 8, 8), i + 1.0).astype(kind))
    vrt = tmp_path / 'mixed.vrt'
    names = {
        'uint16': 'UInt16',
        'float32': 'Float32',
        'uint8': 'Byte',
        'int16': 'Int16',
    }
    bands = ''.join(
        f'<VRTRasterBand dataType="{names[kind]}" band="{i + 1}"><SimpleSource>'
        f'<SourceFilename relativeToVRT="1">{i}.tif</SourceFilename>'
        f'<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>'
        for i, kind in enumerate(kinds)
    )
    vrt.write_text(f'<VRTDataset rasterXSize="8" rasterYSize="8">{bands}</VRTDataset>')
    dataset = RasterWindows(vrt)
    assert dataset[whole(dataset)]['image'][:, 0, 0].tolist() == [1, 2, 3, 4]
    path = write_raster(tmp_path / 'complex.tif', np.ones((4, 8, 8), np.complex64))
    with pytest.raises(ValueError, match='band 1 of .*complex64; take the amplitude'):
        RasterWindows(path)


def test_one_moment_for_all_scenes(tmp_path: Path) -> None:
    pixels = scene_pixels(64, 64)
    paths = [
        write_raster(tmp_path / 'a.tif', pixels),
        write_raster(tmp_path / 'b.tif', pixels * 3 + 500),
    ]
    dataset = RasterWindows(paths)
    dataset.normalize_each()
    one, two = (dataset[whole(dataset, i)]['image'] for i in (0, 1))
    assert torch.allclose(one, two, rtol=1e-4)


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
    dataset = RasterWindows(path, bands=[1, 2, 3, 4])
    sample = dataset[whole(dataset)]
    assert torch.equal(sample['image'], torch.from_numpy(data))
    assert not [w for w in recwarn if issubclass(w.category, UserWarning)]
