# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Sets of TorchGeo by the shipped configurations, on tiny data in the true layout."""

import json
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pytest
import rasterio
import yaml
from PIL import Image
from rasterio.transform import from_origin
from shapely.geometry import box, mapping
from torchgeo.datasets import Potsdam2D, RwandaFieldBoundary, Vaihingen2D

from benchmarks.sets.configured import configured_task, read_config

CONFIGS = Path(__file__).parents[2] / 'configs' / 'benchmarks'
RNG = np.random.default_rng(0)

type Array = npt.NDArray[np.generic]

pytestmark = pytest.mark.filterwarnings(
    'ignore::rasterio.errors.NotGeoreferencedWarning'
)


def values(*shape: int, high: int = 256, dtype: str = 'uint8') -> Array:
    return RNG.integers(1, high, shape).astype(dtype)


def codes(choice: list[int], *shape: int) -> Array:
    return RNG.choice(choice, shape).astype('uint8')


def tif(path: Path, array: Array, **profile: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    array = array if array.ndim == 3 else array[None]
    shape = dict(zip(('count', 'height', 'width'), array.shape, strict=True))
    with rasterio.open(
        path, 'w', driver='GTiff', dtype=array.dtype, **shape, **profile
    ) as dst:
        dst.write(array)


def picture(path: Path, array: Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array)).save(path)


def isprs(colormap: tuple[tuple[int, int, int], ...], *shape: int) -> Array:
    return np.array(colormap, np.uint8)[RNG.integers(0, 6, shape)]


def potsdam(root: Path) -> None:
    for name in Potsdam2D.splits['train'][:2]:
        tif(root / '4_Ortho_RGBIR' / f'{name}_RGBIR.tif', values(4, 420, 410))
        labels = isprs(Potsdam2D.colormap, 420, 410)
        tif(root / f'{name}_label.tif', labels.transpose(2, 0, 1))


def vaihingen(root: Path) -> None:
    for name in Vaihingen2D.splits['train'][:2]:
        picture(root / 'top' / name, values(520, 515, 3))
        picture(root / name, isprs(Vaihingen2D.colormap, 520, 515))


def cloud_cover(root: Path) -> None:
    folder = root / 'private'
    for chip in ('aaaa', 'bbbb'):
        for i, band in enumerate(('B02', 'B03', 'B04', 'B08')):
            array = np.full((16, 16), 1000 * (i + 1), np.uint16)
            array[0, 0] = 0
            tif(folder / 'test_features' / chip / f'{band}.tif', array)
        tif(folder / 'test_labels' / f'{chip}.tif', codes([0, 1], 16, 16))
    text = 'chip_id,location,datetime\naaaa,x,2020\nbbbb,y,2020\n'
    (folder / 'test_metadata.csv').write_text(text)


def rwanda(root: Path) -> None:
    for i in range(2):
        for date in RwandaFieldBoundary.dates:
            for band in RwandaFieldBoundary.all_bands:
                path = root / 'source' / 'train' / date / f'{i:02}_{band}.tif'
                tif(path, values(16, 16, high=3000, dtype='uint16'))
        tif(root / 'labels' / 'train' / f'{i:02}.tif', codes([0, 1], 16, 16))


def spacenet7(root: Path) -> None:
    name = 'global_monthly_2018_01_mosaic_L15-0331E-1257N_1327_3160_13'
    folder = root / 'SN7_buildings' / 'train' / 'L15-0331E-1257N_1327_3160_13'
    transform = from_origin(0, 0, 4, 4)
    image = values(4, 1024, 1024)
    image[:, :100] = 0
    path = folder / 'images_masked' / f'{name}.tif'
    tif(path, image, crs='EPSG:3857', transform=transform)
    shape = gpd.GeoSeries([box(400, -4000, 2000, -2000)], crs='EPSG:3857')
    geometry = mapping(shape.to_crs('EPSG:4326').iloc[0])
    feature = {'type': 'Feature', 'properties': {}, 'geometry': geometry}
    labels = folder / 'labels' / f'{name}_Buildings.geojson'
    labels.parent.mkdir(parents=True)
    collection = {'type': 'FeatureCollection', 'features': [feature]}
    labels.write_text(json.dumps(collection))


def landcoverai(root: Path) -> None:
    for split in ('train', 'val', 'test'):
        (root / f'{split}.txt').write_text(f'M-33-20-D-c-4-2_{split}\n')
        path = root / 'output' / f'M-33-20-D-c-4-2_{split}.jpg'
        picture(path, values(32, 32, 3))
        picture(path.with_name(f'{path.stem}_m.png'), codes([0, 1, 2, 3, 4], 32, 32))


def loveda(root: Path) -> None:
    for scene in ('Urban', 'Rural'):
        folder = root / 'Val' / scene
        picture(folder / 'images_png' / '1.png', values(512, 512, 3))
        picture(folder / 'masks_png' / '1.png', codes(list(range(8)), 512, 512))


def flair(root: Path) -> None:
    folder = root / 'FLAIR-HUB_TOY'
    patches = []
    for i in range(2):
        patches.append(f'D004-2021_AA-S1-32_{i}-0')
        for modality, array in (
            ('AERIAL_RGBI', values(4, 32, 32)),
            ('AERIAL_LABEL-COSIA', codes(list(range(19)), 32, 32)),
        ):
            part = patches[-1].replace('2021_', f'2021_{modality}_')
            path = folder / f'D004-2021_{modality}' / 'AA-S1-32' / f'{part}.tif'
            tif(path, array)
    splits = gpd.GeoDataFrame(
        {'patch_id': patches, 'split_toy': 'train'},
        geometry=[box(0, 0, 1, 1)] * 2,
        crs='EPSG:2154',
    )
    path = folder / 'GLOBAL_ALL_MTD' / 'GLOBAL_ALL_MTD_SPLIT.gpkg'
    path.parent.mkdir()
    splits.to_file(path)


def chesapeake(root: Path) -> None:
    for state, year in (
        ('de', 2013),
        ('md', 2013),
        ('ny', 2013),
        ('pa', 2013),
        ('va', 2014),
        ('wv', 2014),
    ):
        for split in ('train', 'val', 'test'):
            name = f'{state}_1m_{year}_extended-debuffered-{split}_tiles'
            (root / name).mkdir(parents=True)
    layers = ('buildings', 'landsat-leaf-off', 'landsat-leaf-on', 'lc')
    layers += ('naip-new', 'naip-old', 'nlcd')
    for name in layers:
        folder = root / 'wv_1m_2014_extended-debuffered-val_tiles'
        (folder / f'm_3708035_ne_17_1_{name}.tif').touch()
    tile = Path('de_1m_2013_extended-debuffered-test_tiles') / 'm_1_1'
    profile = {'crs': 'EPSG:26918', 'transform': from_origin(450000, 4300000, 1, 1)}
    tif(root / f'{tile}_naip-new.tif', values(4, 1000, 1000), **profile)
    tif(root / f'{tile}_lc.tif', codes([1, 2, 3, 4, 5, 6, 15], 1000, 1000), **profile)
    shape = gpd.GeoSeries([box(450000, 4299000, 451000, 4300000)], crs='EPSG:26918')
    index = gpd.GeoDataFrame(
        {n: [f'{tile}_{n}.tif'] for n in layers} | {'split': ['de-test']},
        geometry=shape.to_crs('EPSG:3857').values,
        crs='EPSG:3857',
    )
    index.to_file(root / 'spatial_index.geojson', driver='GeoJSON')


#: Writer of the data, shape of the images, and how many there are.
CASES: dict[str, tuple[Callable[[Path], None] | None, tuple[int, ...], int]] = {
    'chesapeake': (chesapeake, (4, 256, 256), 4),
    'cloud_cover': (cloud_cover, (4, 16, 16), 2),
    'flair': (flair, (4, 32, 32), 2),
    'landcoverai': (landcoverai, (3, 32, 32), 1),
    'loveda': (loveda, (3, 512, 512), 2),
    'mosaics_close': (None, (4, 192, 192), 8),
    'mosaics_plain': (None, (4, 192, 192), 8),
    'potsdam3': (potsdam, (4, 200, 200), 2),
    'potsdam6': (potsdam, (4, 200, 200), 2),
    'rwanda': (rwanda, (4, 16, 16), 2),
    'spacenet7': (spacenet7, (3, 512, 512), 4),
    'vaihingen': (vaihingen, (3, 512, 512), 2),
}


def test_every_configuration_is_tested() -> None:
    assert {path.stem for path in CONFIGS.glob('*.yaml')} == set(CASES)


def moved(name: str, tmp_path: Path) -> Path:
    """Copy a configuration, its data in the temporary folder."""
    info = yaml.safe_load((CONFIGS / f'{name}.yaml').read_text())
    spec = info.get('dataset') or info['datamodule']
    if 'root' in spec['init_args']:
        spec['init_args']['root'] = str(tmp_path / 'data')
    path = tmp_path / f'{name}.yaml'
    path.write_text(yaml.safe_dump(info, sort_keys=False))
    return path


@pytest.mark.parametrize('name', sorted(CASES))
def test_true_layout(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RwandaFieldBoundary, 'splits', {'train': 2})
    write, shape, count = CASES[name]
    if write is not None:
        (tmp_path / 'data').mkdir()
        write(tmp_path / 'data')
    path = moved(name, tmp_path)
    task = configured_task(path)
    assert task.dataset == name
    assert len(task.images) == len(task.masks) == count
    for image, mask in zip(task.images, task.masks, strict=True):
        assert image.shape == shape
        assert image.dtype == np.float32
        assert mask.shape == shape[1:]
        assert set(np.unique(mask)) <= {*range(task.num_classes), 255}
        assert np.nanmax(image) <= (5 if name.startswith('mosaics') else 1)
    assert all((mask < 255).any() for mask in task.masks)
    assert task.data_hash() == configured_task(path).data_hash()


def test_bands_nodata_and_classes(tmp_path: Path) -> None:
    (tmp_path / 'data').mkdir()
    cloud_cover(tmp_path / 'data')
    image = configured_task(moved('cloud_cover', tmp_path)).images[0]
    assert np.isnan(image[:, 0, 0]).all()
    # Red, green, blue, near infrared.
    assert image[:, 1, 1] == pytest.approx([0.3, 0.2, 0.1, 0.4])


def test_potsdam_is_halved_and_merged(tmp_path: Path) -> None:
    (tmp_path / 'data').mkdir()
    potsdam(tmp_path / 'data')
    task = configured_task(moved('potsdam3', tmp_path))
    dataset = Potsdam2D(str(tmp_path / 'data'))
    sample = dataset[0]
    merged = np.array([1, 0, 1, 2, 2, 0])[sample['mask'][:400:2, :400:2]]
    assert np.array_equal(task.masks[0], merged)
    corner = sample['image'][:, :2, :2].mean((1, 2)).numpy() / 255
    assert task.images[0][:, 0, 0] == pytest.approx(corner, abs=1e-6)
    published = read_config(CONFIGS / 'potsdam3.yaml').published
    assert all(row['source'] for row in published)


def test_count_is_evenly_spaced(tmp_path: Path) -> None:
    path = moved('mosaics_plain', tmp_path)
    info = yaml.safe_load(path.read_text()) | {'tile': 64, 'count': 20}
    path.write_text(yaml.safe_dump(info, sort_keys=False))
    task = configured_task(path)
    assert [image.shape for image in task.images] == [(4, 64, 64)] * 20


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'classs': {}}, "unexpected keyword argument 'classs'"),
        ({'datamodule': {'class_path': 'a.b'}}, 'either a dataset or a datamodule'),
        ({'tile': 500}, 'has no image of 500 pixels'),
    ],
)
def test_errors(change: dict[str, object], message: str, tmp_path: Path) -> None:
    path = moved('mosaics_plain', tmp_path)
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | change))
    with pytest.raises(ValueError, match=message):
        configured_task(path)


def test_missing_data_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='not found'):
        configured_task(moved('loveda', tmp_path))
