# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from torchgeo.datasets import DatasetNotFoundError, IntersectionDataset, UnionDataset

from tests.planet import (
    SCENE,
    black_fill,
    pixels,
    udm2_classes,
    write_planet_scene,
    write_udm2,
)
from torchgeo_ktextures.datasets import CorruptRasterError, PlanetScope

UDM2 = '20210613_101234_56_2413_3B_udm2.tif'
HEIGHT, WIDTH = 90, 120
FILL = black_fill(HEIGHT, WIDTH)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    write_planet_scene(tmp_path)
    write_udm2(tmp_path, UDM2)
    return tmp_path


@pytest.mark.parametrize(
    ('name', 'udm2', 'start', 'product', 'bands'),
    [
        (
            '20210613_101234_56_2413_3B_AnalyticMS_SR.tif',
            '20210613_101234_56_2413_3B_udm2.tif',
            '2021-06-13 10:12:34.560',
            'SR',
            4,
        ),
        (
            '20210613_101234_56_2413_3B_AnalyticMS_SR_clip.tif',
            '20210613_101234_56_2413_3B_udm2_clip.tif',
            '2021-06-13 10:12:34.560',
            'SR',
            4,
        ),
        (
            '20220401_235959_07_24ab_3B_AnalyticMS_SR_8b_harmonized_clip.tif',
            '20220401_235959_07_24ab_3B_udm2_clip.tif',
            '2022-04-01 23:59:59.070',
            'SR',
            8,
        ),
        (
            '20220401_235959_07_24ab_3B_AnalyticMS_SR_8b.tif',
            '20220401_235959_07_24ab_3B_udm2.tif',
            '2022-04-01 23:59:59.070',
            'SR',
            8,
        ),
        (
            '20220401_235959_24ab_3B_AnalyticMS_8b.tif',
            '20220401_235959_24ab_3B_udm2.tif',
            '2022-04-01 23:59:59',
            'radiance',
            8,
        ),
        (
            '20190101_000001_101b_3B_AnalyticMS.tif',
            '20190101_000001_101b_3B_udm2.tif',
            '2019-01-01 00:00:01',
            'radiance',
            4,
        ),
        (
            '20190101_000001_101b_3B_AnalyticMS_SR_harmonized.tif',
            '20190101_000001_101b_3B_udm2.tif',
            '2019-01-01 00:00:01',
            'SR',
            4,
        ),
        (
            '20210613_strip_4567890_composite.tif',
            '20210613_strip_4567890_composite_udm2.tif',
            '2021-06-13',
            None,
            4,
        ),
        ('composite.tif', 'composite_udm2.tif', pd.Timestamp.min, None, 8),
    ],
)
def test_spellings(
    tmp_path: Path, name: str, udm2: str, start: str, product: str | None, bands: int
) -> None:
    path = write_planet_scene(tmp_path, name, bands=bands)
    write_udm2(tmp_path, udm2)
    (tmp_path / name.replace('.tif', '_metadata.json')).write_text('{}')
    if product is None:
        with pytest.raises(ValueError, match=f"{name}.*product='SR' or"):
            PlanetScope(tmp_path)
    ds = PlanetScope(tmp_path, product=product or 'SR')  # type: ignore[arg-type]
    if product is not None:
        assert PlanetScope(tmp_path).product == product
    assert ds.files == [str(path)]
    assert ds.crs.to_epsg() == 32610
    assert ds.res == (3, 3)
    assert ds.index.index[0].left == pd.Timestamp(start)
    x, y, _ = ds.bounds
    assert (x.start, x.stop) == (614_625, 614_625 + 3 * WIDTH)
    assert (y.start, y.stop) == (4_175_412 - 3 * HEIGHT, 4_175_412)
    sample = ds[ds.bounds]
    valid = (udm2_classes(HEIGHT, WIDTH) == 0) & ~FILL
    assert np.array_equal(sample['mask_valid'][0].numpy(), valid)
    scale = 100 if product == 'radiance' else 10_000
    expected = pixels(HEIGHT, width=WIDTH)[[2, 1, 0, 3]] / scale * valid
    assert np.allclose(sample['image'].numpy(), expected)


@pytest.mark.parametrize(
    ('classes', 'numbers'),
    [
        (('clear',), [0]),
        (('clear', 'snow', 'shadow'), [0, 1, 2]),
        (('light_haze',), [3]),
        (('heavy_haze',), [4]),
        (('clear', 'haze'), [0, 3, 4]),
        (('cloud',), [5]),
    ],
)
@pytest.mark.parametrize('version', ['2.0', '2.1'])
def test_udm2_rule(
    tmp_path: Path, classes: tuple[str, ...], numbers: list[int], version: str
) -> None:
    write_planet_scene(tmp_path)
    write_udm2(tmp_path, UDM2, version=version)
    found = udm2_classes(HEIGHT, WIDTH)
    if version == '2.1':
        found = np.where(found == 4, 3, found)
    ds = PlanetScope(tmp_path, valid_classes=classes)
    expected = np.isin(found, numbers) & ~FILL
    assert np.array_equal(ds[ds.bounds]['mask_valid'][0].numpy(), expected)
    assert ds.survey(ds.files[0]).cells.sum() == expected.sum()


def test_udm2_left_out(scene: Path) -> None:
    ds = PlanetScope(scene, valid_classes=None)
    assert np.array_equal(ds[ds.bounds]['mask_valid'][0].numpy(), ~FILL)
    with pytest.raises(ValueError, match=r"'fog' is not.*clear, snow, shadow"):
        PlanetScope(scene, valid_classes=('fog',))
    with pytest.raises(ValueError, match='at least one'):
        PlanetScope(scene, valid_classes=())


def test_no_udm2_before_2018(tmp_path: Path) -> None:
    for second in (1, 2, 3):
        write_planet_scene(tmp_path, f'20180703_14151{second}_1005_3B_AnalyticMS.tif')
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        ds = PlanetScope(tmp_path)
    assert len([w for w in caught if 'UDM2' in str(w.message)]) == 1
    assert '3 of 3 scenes' in str(caught[0].message)
    assert 'clouds are not masked in these' in str(caught[0].message)
    x, y, _ = ds.bounds
    t = ds.index.index[0]
    sample = ds[x, y, t.left : t.right]
    assert np.array_equal(sample['mask_valid'][0].numpy(), ~FILL)


def test_no_udm2_later(tmp_path: Path) -> None:
    write_planet_scene(tmp_path)
    with pytest.warns(UserWarning, match=f'{SCENE}.*clouds are not masked'):
        PlanetScope(tmp_path)


def test_udm2_of_another_size(tmp_path: Path) -> None:
    write_planet_scene(tmp_path)
    write_udm2(tmp_path, UDM2, width=100)
    with pytest.raises(ValueError, match=rf'{UDM2} has 90 x 100.*90 x 120'):
        PlanetScope(tmp_path)
    write_udm2(tmp_path, UDM2, origin=(614_628.0, 4_175_412.0))
    with pytest.raises(ValueError, match=r'614628.*one order'):
        PlanetScope(tmp_path)
    write_planet_scene(tmp_path, UDM2)
    with pytest.raises(ValueError, match='4 bands, not the 8'):
        PlanetScope(tmp_path)


def test_reflectance_and_radiance_are_not_mixed(scene: Path) -> None:
    write_planet_scene(scene, '20210613_101236_2413_3B_AnalyticMS.tif')
    with pytest.raises(ValueError, match='must not be mixed.*product='):
        PlanetScope(scene)
    assert len(PlanetScope(scene, product='SR')) == 1
    with pytest.warns(UserWarning, match='UDM2'):
        ds = PlanetScope(scene, product='radiance')
    assert ds.files[0].endswith('AnalyticMS.tif')


def test_only_the_other_product(scene: Path) -> None:
    with pytest.raises(ValueError, match='no scene in radiance'):
        PlanetScope(scene, product='radiance')
    with pytest.raises(ValueError, match="product='analytic'"):
        PlanetScope(scene, product='analytic')  # type: ignore[arg-type]


def test_harmonized_and_not(scene: Path) -> None:
    name = '20210614_101236_2413_3B_{}.tif'
    write_planet_scene(scene, name.format('AnalyticMS_SR_harmonized'))
    write_udm2(scene, name.format('udm2'))
    with pytest.warns(UserWarning, match='harmonized'):
        PlanetScope(scene)


def test_four_and_eight_bands(scene: Path) -> None:
    name = '20210614_101236_2413_3B_{}.tif'
    write_planet_scene(scene, name.format('AnalyticMS_SR_8b'), bands=8)
    write_udm2(scene, name.format('udm2'))
    ds = PlanetScope(scene)
    x, y, _ = ds.bounds
    images = [ds[x, y, t.left : t.right]['image'] for t in ds.index.index]
    assert np.allclose(images[0], images[1])
    with pytest.raises(ValueError, match="no band 'red_edge'"):
        PlanetScope(scene, bands=('red_edge',))


def test_several_zones(scene: Path) -> None:
    name = '20210614_101236_2413_3B_{}.tif'
    write_planet_scene(scene, name.format('AnalyticMS_SR'), epsg=32611)
    write_udm2(scene, name.format('udm2'), epsg=32611)
    with pytest.raises(ValueError, match=r'32610.*32611.*one zone at a time'):
        PlanetScope(scene)
    ds = PlanetScope(scene, crs='EPSG:32610', valid_classes=None)
    x = [b for b in ds.index.geometry.bounds.minx]
    assert max(x) - min(x) > 100_000
    g = ds.index.geometry.bounds.iloc[int(np.argmax(x))]
    t = ds.index.index[int(np.argmax(x))]
    sample = ds[g.minx : g.maxx, g.miny : g.maxy, t.left : t.right]
    assert 0.5 < sample['mask_valid'].mean() < 1
    assert sample['image'][3].max() < 0.5


def test_corrupt_scene(scene: Path) -> None:
    (scene / '20210615_101234_56_2413_3B_AnalyticMS_SR.tif').write_text('')
    with pytest.raises(CorruptRasterError, match='20210615'):
        PlanetScope(scene)
    with pytest.warns(UserWarning, match='20210615.*left out'):
        assert len(PlanetScope(scene, on_corrupt='warn')) == 1


def test_corrupt_udm2(tmp_path: Path) -> None:
    write_planet_scene(tmp_path, f'{SCENE}.tif', height=600, width=900)
    path = write_udm2(tmp_path, UDM2, height=600, width=900)
    data = bytearray(path.read_bytes())
    for start in range(len(data) // 4, len(data) - 4000, 4000):
        data[start : start + 500] = b'\xff' * 500
    path.write_bytes(data)
    ds = PlanetScope(tmp_path)
    with pytest.raises(CorruptRasterError, match=rf'{UDM2}.*damaged'):
        ds[ds.bounds]


def test_impossible_date(tmp_path: Path) -> None:
    write_planet_scene(tmp_path, '20211332_101234_56_2413_3B_AnalyticMS_SR.tif')
    with pytest.raises(ValueError, match='20211332_101234.*not a date'):
        PlanetScope(tmp_path)


def test_dataset_conventions(scene: Path) -> None:
    ds = PlanetScope(scene)
    assert len(ds) == 1
    both, either = ds & ds, ds | ds
    assert isinstance(both, IntersectionDataset)
    assert isinstance(either, UnionDataset)
    assert both[both.bounds]['image'].shape[0] == 8
    assert either[either.bounds]['image'].shape[0] == 4
    ds.plot(ds[ds.bounds], suptitle='Scene')
    plt.close()
    with pytest.raises(IndexError, match='not found in dataset'):
        ds[0:0, 0:0, pd.Timestamp.min : pd.Timestamp.min]


def test_no_data(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match='Dataset not found'):
        PlanetScope(tmp_path)
