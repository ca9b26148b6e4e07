# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import pickle
import shutil
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import rasterio
import torch
from rasterio.windows import Window
from torchgeo.datasets import (
    DatasetNotFoundError,
    IntersectionDataset,
    RGBBandsMissingError,
    UnionDataset,
)

from tests.planet import (
    BIANNUAL,
    GLOBAL,
    HALF_WORLD,
    MONTHLY,
    QUAD_SIDE,
    VISUAL,
    pixels,
    write_quad,
)
from torchgeo_ktextures.datasets import CorruptRasterError, PlanetBasemap, Quad

JUNE = pd.Timestamp('2021-06-01'), pd.Timestamp('2021-06-30 23:59:59.999999')


@pytest.fixture
def mosaic(tmp_path: Path) -> Path:
    write_quad(tmp_path / MONTHLY, 632, 1107, invalid=(slice(0, 16), slice(0, 32)))
    write_quad(tmp_path / MONTHLY, 633, 1107, seed=1)
    return tmp_path


@pytest.mark.parametrize(
    'name',
    [
        'L15-{x:04}E-{y:04}N.tif',
        '{x}-{y}.tif',
        '{x}-{y}.tiff',
        '{x}-{y}_quad.tif',
    ],
)
@pytest.mark.parametrize(
    ('folder', 'start', 'stop'),
    [
        (MONTHLY, '2021-06-01', '2021-07-01'),
        (BIANNUAL, '2016-06-01', '2016-12-01'),
        (GLOBAL, '2020-01-01', '2020-02-01'),
        ('global_quarterly_2020q4_mosaic', '2020-10-01', '2021-01-01'),
    ],
)
def test_spellings(
    tmp_path: Path, name: str, folder: str, start: str, stop: str
) -> None:
    path = write_quad(tmp_path / folder, 632, 1107, name=name, size=64)
    (path.parent / 'readme.txt').write_text('not a quad')
    ds = PlanetBasemap(tmp_path)
    assert ds.files == [str(path)]
    assert ds.crs.to_epsg() == 3857
    assert ds.bands == ('red', 'green', 'blue', 'nir')
    interval = ds.index.index[0]
    assert interval.left == pd.Timestamp(start)
    assert interval.right == pd.Timestamp(stop) - pd.Timedelta(microseconds=1)
    # y from the south, to a thousandth of a pixel
    x, y, _ = ds.bounds
    pixel = QUAD_SIDE / 64
    left, bottom = 632 * QUAD_SIDE - HALF_WORLD, 1107 * QUAD_SIDE - HALF_WORLD
    for value, expected in (
        (x.start, left),
        (x.stop, left + QUAD_SIDE),
        (y.start, bottom),
        (y.stop, bottom + QUAD_SIDE),
    ):
        assert abs(value - expected) < pixel / 1000
    sample = ds[ds.bounds]
    expected_image = pixels(64)[[2, 1, 0, 3]] / 10_000
    assert np.allclose(sample['image'].numpy(), expected_image)
    assert (sample['mask_valid'] == 1).all()


@pytest.mark.parametrize(('x', 'y'), [(0, 0), (632, 1107), (2047, 2047), (1024, 1000)])
def test_quad_formula(x: int, y: int) -> None:
    left, bottom, right, top = Quad(x, y).bounds
    tolerance = 4.777314267158508 / 1000
    assert abs(left - (-20037508.342789244 + x * 19567.87924100512)) < tolerance
    assert abs(bottom - (-20037508.342789244 + y * 19567.87924100512)) < tolerance
    assert abs(right - left - 4096 * 4.777314267158508) < tolerance
    assert abs(top - bottom - 4096 * 4.777314267158508) < tolerance


def test_full_quad(full_quad: Path) -> None:
    ds = PlanetBasemap(full_quad.parents[1])
    assert np.allclose(ds.res, 4.777314267158508, rtol=0, atol=1e-9)
    x, y, t = ds.bounds
    place = slice(x.stop - 32 * x.step, x.stop), slice(y.start, y.start + 16 * y.step)
    image = ds[*place, t]['image']
    with rasterio.open(full_quad) as src:
        expected = src.read([3, 2, 1, 4], window=Window(4064, 4080, 32, 16)) / 10_000
    assert np.allclose(image.numpy(), expected)


def test_getitem_and_len(mosaic: Path) -> None:
    ds = PlanetBasemap(mosaic)
    assert len(ds) == 2
    sample = ds[ds.bounds]
    assert set(sample) == {'image', 'mask_valid', 'bounds', 'transform'}
    assert all(isinstance(value, torch.Tensor) for value in sample.values())
    assert sample['image'].shape == (4, 128, 256)
    assert sample['mask_valid'].shape == (1, 128, 256)
    assert sample['mask_valid'].dtype == torch.float32
    assert sample['mask_valid'][0, :16, :32].sum() == 0
    assert sample['mask_valid'].sum() == 128 * 256 - 16 * 32
    assert (sample['image'][:, :16, :32] == 0).all()
    right = pixels(128, seed=1)[[2, 1, 0, 3]] / 10_000
    assert np.allclose(sample['image'][:, :, 128:].numpy(), right)


def test_across_the_border_of_quads_and_outside(mosaic: Path) -> None:
    ds = PlanetBasemap(mosaic)
    x, y, _ = ds.bounds
    whole = ds[ds.bounds]
    res = x.step
    place = slice(x.start + 100 * res, x.start + 150 * res), slice(y.start, y.stop)
    assert torch.equal(ds[place]['image'], whole['image'][:, :, 100:150])
    beyond = slice(x.stop - 10 * res, x.stop + 30 * res), slice(y.start, y.stop)
    sample = ds[beyond]
    assert torch.equal(sample['image'][:, :, :10], whole['image'][:, :, -10:])
    assert sample['mask_valid'][:, :, 10:].sum() == 0


def test_without_alpha(tmp_path: Path) -> None:
    invalid = (slice(0, 5), slice(0, 7))
    write_quad(tmp_path / MONTHLY, alpha=False, invalid=invalid, size=64)
    ds = PlanetBasemap(tmp_path)
    assert ds[ds.bounds]['mask_valid'].sum() == 64 * 64 - 35


def test_bands_and_scale(mosaic: Path) -> None:
    ds = PlanetBasemap(mosaic, bands=('nir', 'blue'), scale=1)
    image = ds[ds.bounds]['image'][:, :, 128:]
    assert np.allclose(image.numpy(), pixels(128, seed=1)[[3, 0]])
    with pytest.raises(ValueError, match="no band 'swir'.*blue, green, red, nir"):
        PlanetBasemap(mosaic, bands=('swir',))
    with pytest.raises(ValueError, match='scale=0'):
        PlanetBasemap(mosaic, scale=0)


def test_visual(tmp_path: Path) -> None:
    write_quad(tmp_path / VISUAL, product='visual', size=64)
    ds = PlanetBasemap(tmp_path, product='visual')
    assert ds.bands == ('red', 'green', 'blue')
    expected = pixels(64, dtype='uint8') / 255
    assert np.allclose(ds[ds.bounds]['image'].numpy(), expected)
    assert ds.index.index[0].left == pd.Timestamp('2021-09-01')
    with pytest.raises(ValueError, match="no band 'nir'.*red, green, blue"):
        PlanetBasemap(tmp_path)


def test_mixed_products(tmp_path: Path) -> None:
    write_quad(tmp_path / MONTHLY, size=64)
    write_quad(tmp_path / VISUAL, product='visual', size=64)
    with pytest.raises(ValueError, match='analytic and visual.*choose with product'):
        PlanetBasemap(tmp_path)
    assert len(PlanetBasemap(tmp_path, product='analytic')) == 1
    assert len(PlanetBasemap(tmp_path, product='visual')) == 1
    shutil.rmtree(tmp_path / VISUAL)
    with pytest.raises(ValueError, match='no visual quad'):
        PlanetBasemap(tmp_path, product='visual')


def test_same_quad_twice(tmp_path: Path) -> None:
    write_quad(tmp_path / MONTHLY, size=64)
    write_quad(tmp_path / MONTHLY, name='{x}-{y}_quad.tif', size=64)
    with pytest.raises(ValueError, match='same quad at the same time'):
        PlanetBasemap(tmp_path)


def test_several_dates(tmp_path: Path) -> None:
    write_quad(tmp_path / MONTHLY, size=64, invalid=(slice(0, 8), slice(0, 64)))
    july = MONTHLY.replace('06', '07')
    write_quad(tmp_path / july, size=64, seed=1)
    ds = PlanetBasemap(tmp_path)
    with pytest.warns(UserWarning, match='covers 2 dates'):
        merged = ds[ds.bounds]['image']
    later = torch.tensor(pixels(64, seed=1)[[2, 1, 0, 3]] / 10_000).float()
    first = torch.tensor(pixels(64)[[2, 1, 0, 3]] / 10_000).float()
    assert torch.allclose(merged[:, :8], later[:, :8])
    assert torch.allclose(merged[:, 8:], first[:, 8:])
    x, y, _ = ds.bounds
    with warnings.catch_warnings():
        warnings.simplefilter('error', UserWarning)
        june = ds[x, y, slice(*JUNE)]['image']
    assert torch.allclose(june[:, 8:], first[:, 8:])
    assert (june[:, :8] == 0).all()
    series = PlanetBasemap(tmp_path, time_series=True)
    sample = series[series.bounds]
    assert sample['image'].shape == (2, 4, 64, 64)
    assert sample['mask_valid'].shape == (2, 1, 64, 64)
    assert torch.allclose(sample['image'][1], later)
    series.plot(sample)
    plt.close()


def test_empty_quads_are_left_out(tmp_path: Path) -> None:
    whole = (slice(None), slice(None))
    write_quad(tmp_path / MONTHLY, 632, 1107, size=64)
    empty = write_quad(tmp_path / MONTHLY, 700, 1107, size=64, invalid=whole)
    ds = PlanetBasemap(tmp_path)
    assert len(ds) == 1
    assert str(empty) not in ds.files
    assert ds.bounds[0].stop < Quad(633, 1107).bounds[0] + 1
    with pytest.raises(ValueError, match='no pixel has data'):
        PlanetBasemap(empty)


def test_survey_is_kept(mosaic: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ds = PlanetBasemap(mosaic)
    found = ds.survey(ds.files[0])
    assert found.cells.tolist() == [[4096 - 16 * 32, 4096], [4096, 4096]]
    valid = ds[ds.bounds]['mask_valid'][0, :, :128].numpy() > 0
    assert np.array_equal(found.valid(0, 0, 128, 128), valid)
    assert np.array_equal(found.valid(3, 10, 70, 100), valid[3:73, 10:110])
    data = pixels(128)[[2, 1, 0, 3]].astype(float)
    data[:, :16, :32] = 0
    assert np.allclose(found.sums, data.sum((1, 2)))
    assert np.allclose(found.squares, (data**2).sum((1, 2)))
    again = PlanetBasemap(mosaic)
    with monkeypatch.context() as context:
        context.setattr(again, '_read_file', None)  # not read a second time
        assert np.array_equal(again.survey(again.files[0]).cells, found.cells)
    # a file that changed is read again
    write_quad(mosaic / MONTHLY, 632, 1107, seed=5)
    again = PlanetBasemap(mosaic)
    assert again.survey(again.files[0]).cells.sum() == 128 * 128


@pytest.mark.parametrize('damage', ['truncated', 'text', 'moved'])
def test_corrupt_quad(mosaic: Path, damage: str) -> None:
    bad = mosaic / MONTHLY / '634-1107.tif'
    if damage == 'truncated':
        data = write_quad(mosaic / MONTHLY, 634, 1107, size=1024).read_bytes()
        bad.write_bytes(data[: len(data) * 3 // 4])
    elif damage == 'text':
        bad.write_text('<html>404</html>')
    else:
        write_quad(mosaic / MONTHLY, 635, 1107, name='634-1107.tif')
    with pytest.raises(CorruptRasterError, match=r'634-1107.*on_corrupt'):
        PlanetBasemap(mosaic)
    with pytest.warns(UserWarning, match=r'634-1107.*left out'):
        ds = PlanetBasemap(mosaic, on_corrupt='warn')
    assert len(ds) == 2


def test_corrupt_inside(tmp_path: Path) -> None:
    path = write_quad(tmp_path / MONTHLY, size=1024)
    data = bytearray(path.read_bytes())
    middle = len(data) // 3
    data[middle : middle + 20000] = b'\xff' * 20000
    path.write_bytes(data)
    with pytest.raises(CorruptRasterError, match='632-1107.*damaged'):
        ds = PlanetBasemap(tmp_path)
        ds[ds.bounds]
    # Or the parts that can be read are used.
    with pytest.warns(UserWarning, match='632-1107.*damaged.*left out'):
        found = PlanetBasemap(tmp_path, on_corrupt='warn').survey(str(path))
    ds = PlanetBasemap(tmp_path, on_corrupt='warn')
    assert 0 < found.cells.sum() < 1024 * 1024
    x, y, _ = ds.bounds
    with pytest.warns(UserWarning, match='damaged'):
        assert ds[x, y]['mask_valid'].sum() == 0


def test_date_that_cannot_be_read(tmp_path: Path) -> None:
    write_quad(tmp_path / 'mosaic_2021-13', size=64)
    with pytest.raises(ValueError, match=r"mosaic_2021-13.*default_date='2021-06'"):
        PlanetBasemap(tmp_path / 'mosaic_2021-13')
    ds = PlanetBasemap(tmp_path / 'mosaic_2021-13', default_date='2021-06')
    assert (ds.index.index[0].left, ds.index.index[0].right) == JUNE
    with pytest.raises(ValueError, match="default_date='soon'"):
        PlanetBasemap(tmp_path, default_date='soon')


def test_no_data(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match='Dataset not found'):
        PlanetBasemap(tmp_path)
    (tmp_path / 'scene.tif').write_text('')
    with pytest.raises(DatasetNotFoundError, match=r'scene.tif.*named like a quad'):
        PlanetBasemap(tmp_path)


def test_invalid_query(mosaic: Path) -> None:
    ds = PlanetBasemap(mosaic)
    with pytest.raises(IndexError, match='index: .* not found in dataset'):
        ds[0:0, 0:0, pd.Timestamp.min : pd.Timestamp.min]
    x, y, _ = ds.bounds
    with pytest.raises(IndexError, match='not found'):
        ds[x, y, pd.Timestamp('2022-01-01') : pd.Timestamp('2022-02-01')]


def test_bad_arguments(mosaic: Path) -> None:
    with pytest.raises(ValueError, match="product='sr'"):
        PlanetBasemap(mosaic, product='sr')  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="on_corrupt='ignore'"):
        PlanetBasemap(mosaic, on_corrupt='ignore')  # type: ignore[arg-type]


def test_and_or(mosaic: Path) -> None:
    ds = PlanetBasemap(mosaic)
    both = ds & PlanetBasemap(mosaic, bands=('nir',))
    assert isinstance(both, IntersectionDataset)
    assert both[both.bounds]['image'].shape == (5, 128, 256)
    either = ds | PlanetBasemap(mosaic)
    assert isinstance(either, UnionDataset)
    assert either[either.bounds]['image'].shape == (4, 128, 256)


def test_warped(mosaic: Path) -> None:
    ds = PlanetBasemap(mosaic, crs='EPSG:4326', res=0.001)
    sample = ds[ds.bounds]
    assert 0.97 < sample['mask_valid'].mean() < 1
    native = PlanetBasemap(mosaic)
    expected = native[native.bounds]['image'].mean((1, 2))
    assert torch.allclose(sample['image'].mean((1, 2)), expected, rtol=0.03)


def test_half_a_pixel_off_is_resampled(mosaic: Path) -> None:
    ds = PlanetBasemap(mosaic)
    x, y, _ = ds.bounds
    half = x.step / 2
    shifted = slice(x.start + half, x.stop - half), y
    image, whole = ds[shifted]['image'], ds[ds.bounds]['image']
    mean = (whole[:, 40:100, 140:240] + whole[:, 40:100, 141:241]) / 2
    assert torch.allclose(image[:, 40:100, 140:240], mean, atol=1e-3)


def test_plot(mosaic: Path) -> None:
    ds = PlanetBasemap(mosaic)
    sample = ds[ds.bounds]
    ds.plot(sample, suptitle='Basemap')
    plt.close()
    sample['prediction'] = torch.zeros(128, 256)
    ds.plot(sample, show_titles=False)
    plt.close()
    with pytest.raises(RGBBandsMissingError):
        ds = PlanetBasemap(mosaic, bands=('nir',))
        ds.plot(ds[ds.bounds])


def test_pickle(mosaic: Path) -> None:
    ds = PlanetBasemap(mosaic)
    sample = ds[ds.bounds]
    copy = pickle.loads(pickle.dumps(ds))
    assert torch.equal(copy[copy.bounds]['image'], sample['image'])


def test_transforms_and_cache(mosaic: Path) -> None:
    ds = PlanetBasemap(
        mosaic, transforms=lambda s: s | {'image': s['image'] + 1}, cache=False
    )
    assert ds[ds.bounds]['image'].min() >= 1
