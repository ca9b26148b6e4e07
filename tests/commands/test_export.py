# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from itertools import combinations
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import yaml
from matplotlib.pyplot import imread as image_of
from rasterio.features import rasterize
from rasterio.transform import Affine
from rasterio.windows import Window
from torch.utils.data import DataLoader
from torchgeo.datasets import IntersectionDataset, RasterDataset, stack_samples
from torchgeo.samplers import GriddedPatchSampler

from torchgeo_ktextures.commands.export import export
from torchgeo_ktextures.errors import UnreadableError
from torchgeo_ktextures.maps import class_areas_ha
from torchgeo_ktextures.maps.chips import balanced

from ..label_maps import UTM, bands_of, regions, write_labels
from ..rasters import write_raster

SPLITS = ('train', 'val', 'test')


def place(file: Path, like: rasterio.DatasetReader) -> Window:
    """Place of a chip in the scene, which must be exact."""
    with rasterio.open(file) as src:
        a, b = src.transform, like.transform
        col, row = round((a.c - b.c) / b.a), round((a.f - b.f) / b.e)
        assert src.crs == like.crs
        window = Window(col, row, src.width, src.height)
        assert a == like.window_transform(window)
    return window


def test_polygons(named: Path, samples: Path) -> None:
    frame = gpd.read_file(samples / 'polygons.gpkg')
    assert frame.crs.to_epsg() == 32633
    assert frame.is_valid.all()
    assert set(frame['class']) == {'sea', 'forest', 'city'}
    abroad = frame.to_crs('EPSG:4326')
    assert abroad.is_valid.all()
    with (
        rasterio.open(named / 'named.tif') as src,
        rasterio.open(named / 'confidence.tif') as sure,
    ):
        labels, confidence = src.read(1), sure.read(1)
        areas = class_areas_ha(labels, src.crs, src.transform)
        transform = src.transform
    for there in (frame, abroad.to_crs('EPSG:32633')):
        burnt = rasterize(
            zip(there.geometry, there['code'], strict=True),
            out_shape=labels.shape,
            transform=transform,
            fill=255,
            dtype='uint8',
        )
        assert (burnt == labels).all()
    assert areas is not None
    for code, group in frame.groupby('code'):
        assert group['area_ha'].sum() == pytest.approx(areas[code])
        inside = labels == code
        mean = np.average(group['confidence'], weights=group['area_ha'])
        assert mean == pytest.approx(confidence[inside].mean(), rel=1e-4)
    largest = frame.loc[frame['area_ha'].idxmax()]
    alone = rasterize(
        [largest.geometry], out_shape=labels.shape, transform=transform
    ).astype(bool)
    assert largest['confidence'] == pytest.approx(confidence[alone].mean())
    assert largest['area_ha'] == pytest.approx(alone.sum() * 0.01, rel=2e-3)


def test_points(named: Path, samples: Path) -> None:
    frame = gpd.read_file(samples / 'points.gpkg')
    assert dict(frame['class'].value_counts()) == {'sea': 50, 'forest': 50, 'city': 50}
    assert not frame.geometry.duplicated().any()
    where = list(zip(frame.geometry.x, frame.geometry.y, strict=True))
    with (
        rasterio.open(named / 'named.tif') as src,
        rasterio.open(named / 'scene.tif') as scene,
    ):
        assert [v[0] for v in src.sample(where)] == list(frame['code'])
        bands = frame[['red', 'green', 'blue', 'nir']].to_numpy()
        assert (np.array(list(scene.sample(where))) == bands).all()
        for split in SPLITS:
            chips = [place(f, src) for f in (samples / 'chips' / split).glob('*/*')]
            for x, y in (w for w, s in zip(where, frame['split']) if s == split):
                row, col = src.index(x, y)
                near = [abs(row - c.row_off) + abs(col - c.col_off) for c in chips]
                assert min(near) < 100
    assert set(frame['split']) == set(SPLITS)


def test_chips_are_exact_and_apart(named: Path, samples: Path) -> None:
    boxes: dict[str, list[Window]] = {}
    with (
        rasterio.open(named / 'named.tif') as src,
        rasterio.open(named / 'scene.tif') as scene,
    ):
        for split in SPLITS:
            images = sorted((samples / 'chips' / split / 'images').iterdir())
            masks = sorted((samples / 'chips' / split / 'masks').iterdir())
            assert [f.name for f in images] == [f.name for f in masks]
            boxes[split] = []
            for image, mask in zip(images, masks, strict=True):
                window = place(image, src)
                assert window == place(mask, src)
                boxes[split].append(window)
                with rasterio.open(image) as a, rasterio.open(mask) as b:
                    assert (a.read() == scene.read(window=window)).all()
                    assert (b.read() == src.read(window=window)).all()
                    assert a.descriptions == ('red', 'green', 'blue', 'nir')
                    assert (a.nodata, b.nodata) == (0, 255)
                    assert b.colormap(1)[2] == src.colormap(1)[2]
    for a, b in combinations(SPLITS, 2):
        for p in boxes[a]:
            for q in boxes[b]:
                apart = abs(p.row_off - q.row_off), abs(p.col_off - q.col_off)
                assert max(apart) >= 32


def test_metadata(samples: Path) -> None:
    content = yaml.safe_load((samples / 'chips' / 'metadata.yaml').read_text())
    assert content['classes'] == ['sea', 'forest', 'city']
    assert content['colors'] == [[0, 10, 20], [9, 10, 20], [27, 10, 20]]
    assert content['bands'] == ['red', 'green', 'blue', 'nir']
    assert (content['scale'], content['ignore_index']) == (1000, 255)
    pixels, counts = [], np.zeros(3, int)
    for file in (samples / 'chips' / 'train' / 'images').iterdir():
        with rasterio.open(file) as src:
            data = src.read().reshape(4, -1) / 1000
            pixels.append(data[:, data.any(0)])
        with rasterio.open(file.parents[1] / 'masks' / file.name) as src:
            counts += np.bincount(src.read(1).ravel(), minlength=256)[:3]
    found = np.concatenate(pixels, 1)
    assert content['statistics']['mean'] == pytest.approx(found.mean(1))
    assert content['statistics']['std'] == pytest.approx(found.std(1))
    train = content['splits']['train']
    assert list(train['pixels'].values()) == counts.tolist()
    assert (counts > 0).all()
    files = list((samples / 'chips' / 'train' / 'images').iterdir())
    assert train['chips'] == len(files)


class Masks(RasterDataset):
    is_image = False


def test_torchgeo_reads_chips(samples: Path) -> None:
    folder = samples / 'chips' / 'train'
    dataset = IntersectionDataset(
        RasterDataset(folder / 'images'), Masks(folder / 'masks')
    )
    # Whole chips: on the grid of the files.
    sampler = GriddedPatchSampler(dataset, size=16, units='pixel')
    loader = DataLoader(
        dataset, batch_size=2, sampler=sampler, collate_fn=stack_samples
    )
    batch = next(iter(loader))
    assert batch['image'].shape[:2] == (2, 4)
    assert batch['mask'].shape[0] == 2
    file = dataset.datasets[0].index.filepath.iloc[0]
    with rasterio.open(file) as a, rasterio.open(file.replace('images', 'masks')) as b:
        left, bottom, right, top = a.bounds
        sample = dataset[left:right, bottom:top]
        assert (sample['image'].numpy() == a.read()).all()
        assert (sample['mask'].numpy().squeeze() == b.read(1)).all()


def test_rotated_and_again(tmp_path: Path) -> None:
    labels = regions()
    grid: dict[str, Any] = {
        'crs': 'EPSG:32633',
        'transform': Affine(10, 3, 5e5, 3, -10, 5e6),
    }
    path = write_labels(tmp_path / 'labels.tif', labels, **grid)
    scene = write_raster(tmp_path / 'scene.tif', bands_of(labels), nodata=0, **grid)
    out = tmp_path / 'samples'
    for bands in ([1, 'nir'], ['green']):
        export(str(path), str(scene), str(out), chip_size=24, bands=bands)
    content = yaml.safe_load((out / 'chips' / 'metadata.yaml').read_text())
    assert content['bands'] == ['green']
    assert content['classes'] == ['class 0', 'class 1', 'class 2', 'class 3']
    with rasterio.open(path) as src:
        for file in out.glob('chips/*/images/*.tif'):
            with rasterio.open(file) as chip:
                col, row = ~src.transform @ (chip.transform.c, chip.transform.f)
                window = Window(round(col), round(row), 24, 24)
                assert chip.transform.almost_equals(src.window_transform(window), 1e-6)
                assert chip.count == 1
        frame = gpd.read_file(out / 'polygons.gpkg')
        burnt = rasterize(
            zip(frame.geometry, frame['code'], strict=True),
            out_shape=labels.shape,
            transform=src.transform,
            fill=255,
            dtype='uint8',
        )
    assert (burnt == labels).all()
    assert {p.name for p in out.iterdir()} == {
        'polygons.gpkg',
        'points.gpkg',
        'chips',
        'training.yaml',
    }


def test_balanced_choice() -> None:
    rng = np.random.default_rng(0)
    counts = np.zeros((100, 3), int)
    counts[:, 0] = 100
    counts[:10, 1] = 90
    counts[:10, 0] = 10
    counts[50] = (50, 0, 50)
    chosen = balanced(counts, 20, rng)
    assert len(chosen) == len(set(chosen)) == 20
    assert {*range(10), 50} <= set(chosen)
    assert balanced(counts, 100, rng) == list(range(100))
    assert len(balanced(counts, 99, rng)) == 99


def test_max_chips(named: Path, tmp_path: Path) -> None:
    args = str(named / 'named.tif'), str(named / 'scene.tif'), str(tmp_path / 'out')
    export(*args, chip_size=16, max_chips=9)
    splits = yaml.safe_load((tmp_path / 'out/chips/metadata.yaml').read_text())[
        'splits'
    ]
    assert [splits[s]['chips'] for s in SPLITS] == [9, 3, 3]
    pixels = list(splits['train']['pixels'].values())
    assert max(pixels) < 2 * min(pixels)


def test_training_configuration(named: Path, samples: Path, tmp_path: Path) -> None:
    content = yaml.safe_load((samples / 'training.yaml').read_text())
    assert content['model']['init_args'] == {
        'in_channels': 4,
        'num_classes': 3,
        'ignore_index': 255,
    }
    assert content['data']['init_args'] == {
        'root': str(samples / 'chips'),
        'predict_paths': str(named / 'scene.tif'),
        'bands': [1, 2, 3, 4],
        'nodata': None,  # the scene declares it
    }
    args = str(named / 'named.tif'), str(named / 'scene.tif'), str(tmp_path)
    export(*args, chip_size=32, bands=['nir', 1], nodata=7)
    content = yaml.safe_load((tmp_path / 'training.yaml').read_text())
    assert content['model']['init_args']['in_channels'] == 2
    assert content['data']['init_args']['bands'] == [4, 1]
    assert content['data']['init_args']['nodata'] == [7]


def test_picture(named: Path, tmp_path: Path) -> None:
    args = str(named / 'named.tif'), str(named / 'scene.tif'), str(tmp_path)
    export(*args, chip_size=32, points=9, picture=str(tmp_path / 'samples.png'))
    assert image_of(tmp_path / 'samples.png').std() > 0.1
    with pytest.raises(OSError, match='none/a.png cannot be written'):
        export(*args, chip_size=32, points=9, picture=str(tmp_path / 'none' / 'a.png'))


def test_bad_input(named: Path, tmp_path: Path) -> None:
    labels, scene = str(named / 'named.tif'), str(named / 'scene.tif')
    out = str(tmp_path / 'out')

    def fails(match: str, *args: str, **options: Any) -> None:
        with pytest.raises((ValueError, OSError), match=match):
            export(*(args or (labels, scene, out)), **options)
        assert not (tmp_path / 'out').exists()

    bare = tmp_path / 'bare.tif'
    with rasterio.open(
        bare, 'w', driver='GTiff', width=112, height=96, count=1, dtype='uint8'
    ) as dst:
        dst.write(regions(), 1)
    fails('bare.tif has no georeference', str(bare), scene, out)
    other = write_raster(tmp_path / 'other.tif', np.ones((4, 200, 232), np.uint16))
    fails('different grids.*CRS', labels, str(other), out)
    shifted: dict[str, Any] = {
        'crs': UTM['crs'],
        'transform': UTM['transform'] @ Affine.translation(0.5, 0),
    }
    half = write_raster(
        tmp_path / 'half.tif', np.ones((4, 200, 232), np.uint16), **shifted
    )
    fails('different grids.*transforms', labels, str(half), out)
    fails("image '.*none.tif' does not exist", labels, str(tmp_path / 'none.tif'), out)
    cut = tmp_path / 'cut.tif'
    cut.write_bytes(Path(scene).read_bytes()[:-20000])
    with pytest.raises(UnreadableError, match=r'cut.tif.* cannot be read .*fresh copy'):
        export(labels, str(cut), str(tmp_path / 'empty'))
    assert not list((tmp_path / 'empty').iterdir())
    odd = str(tmp_path / 'a.odd')
    fails("a.odd' is to be a picture, but its name does not end in", picture=odd)
    fails('but a label map has one', scene, scene, out)
    fails("has no band 'swir'", bands=['swir'])
    fails('1 labelled blocks of 200 pixels to hold out 2', block_size=200)
    fails('a split would be empty', chip_size=64, block_size=110)
    fails('val_split=0.6 and test_split=0.5', val_split=0.6, test_split=0.5)
    fails('chip_size=300 must be from 1', chip_size=300)
    fails('chip_size=64 must be from 1 to block_size=32', block_size=32)
    fails('max_chips=0 must be at least 1', max_chips=0)
    fails('scale=0 must be positive', scale=0)
    fails('min_labelled=2 must be', min_labelled=2)
    nothing = np.full((96, 112), 255, np.uint8)
    empty = write_labels(tmp_path / 'empty.tif', nothing)
    image = write_raster(tmp_path / 'image.tif', bands_of(regions()), nodata=0, **UTM)
    fails('no labelled pixel', str(empty), str(image), out)


def test_never_replaces_what_it_did_not_write(named: Path, tmp_path: Path) -> None:
    (tmp_path / 'chips').mkdir()
    (tmp_path / 'chips' / 'thesis.txt').write_text('')
    with pytest.raises(FileExistsError, match='does not hold chips'):
        export(str(named / 'named.tif'), str(named / 'scene.tif'), str(tmp_path))
    assert [p.name for p in (tmp_path / 'chips').iterdir()] == ['thesis.txt']


def test_empty_split(tmp_path: Path) -> None:
    # Every block has a labelled pixel, but hardly any chip has enough of them.
    labels = np.full((96, 112), 255, np.uint8)
    labels[::24, ::24] = 0
    labels[:30, :30] = 1
    path = write_labels(tmp_path / 'labels.tif', labels)
    scene = write_raster(tmp_path / 'scene.tif', bands_of(regions()), nodata=0, **UTM)
    with pytest.raises(ValueError, match=r'the \w+ split is empty.*lower min_labelled'):
        export(str(path), str(scene), str(tmp_path / 'out'), chip_size=24)
    assert not list((tmp_path / 'out').iterdir())
    with pytest.raises(OSError, match='labels.tif/out cannot be written'):
        export(str(path), str(scene), str(path / 'out'), chip_size=24)
