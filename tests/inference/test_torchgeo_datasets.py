# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Maps of TorchGeo's own datasets, whatever samples them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import kornia.augmentation as K
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import rasterio
import shapely
import torch
from lightning.pytorch import LightningModule, Trainer
from rasterio.transform import Affine
from torch import Tensor
from torch.utils.data import DataLoader
from torchgeo.datamodules import GeoDataModule
from torchgeo.datasets import (
    NAIP,
    GeoDataset,
    IntersectionDataset,
    RasterDataset,
    Sentinel2,
    stack_samples,
)
from torchgeo.datasets.utils import Sample
from torchgeo.samplers import (
    GriddedPatchSampler,
    GridGeoSampler,
    PreChippedGeoSampler,
    RandomPatchSampler,
    SequentialTimestampSampler,
)

from torchgeo_ktextures.callbacks import GeoTIFFWriter
from torchgeo_ktextures.datamodules import GeoDatasetDataModule, RasterDataModule
from torchgeo_ktextures.datasets import MarkNodata
from torchgeo_ktextures.errors import DataWarning
from torchgeo_ktextures.inference.geo_areas import Layout
from torchgeo_ktextures.inference.statistics import CLASSES_TAG, read_summaries
from torchgeo_ktextures.samplers import PixelGridSampler

from ..rasters import write_raster

pytestmark = pytest.mark.filterwarnings('ignore::DeprecationWarning')

#: As of NAIP in the Planetary Computer: multiples of 0.6 m, which is no binary number.
LEFT, TOP, RES = 371_646.0, 4_200_528.0, 0.6
HEIGHT, WIDTH, STEP = 90, 70, 50
EAST, WEST = 'm_3807511_ne_18_060_20181104', 'm_3807511_nw_18_060_20181104'

type Pixels = npt.NDArray[np.uint8]


def pixels(height: int, width: int, seed: int = 0) -> Pixels:
    rng = np.random.default_rng(seed)
    return rng.integers(1, 255, (4, height, width), dtype=np.uint8)


def write(path: Path, data: npt.NDArray[Any], row: float = 0, col: float = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    transform = Affine(RES, 0, LEFT + col * RES, 0, -RES, TOP - row * RES)
    return write_raster(path, data, crs='EPSG:26918', transform=transform)


@pytest.fixture(scope='module')
def whole() -> Pixels:
    return pixels(HEIGHT, WIDTH + STEP)


@pytest.fixture(scope='module')
def naip(tmp_path_factory: pytest.TempPathFactory, whole: Pixels) -> Path:
    """Two files of one date that overlap."""
    folder = tmp_path_factory.mktemp('naip')
    write(folder / f'{WEST}.tif', whole[:, :, :WIDTH])
    write(folder / f'{EAST}.tif', whole[:, :, STEP:], col=STEP)
    return folder


class Threshold(LightningModule):
    """Stands in for a task: the class of a pixel depends on the pixel alone."""

    def __init__(self) -> None:
        super().__init__()
        self.save_hyperparameters({'num_classes': 2})
        self.tiles = 0

    def predict_step(
        self, batch: Sample, batch_idx: int, dataloader_idx: int = 0
    ) -> Any:
        self.tiles += len(batch['image'])
        labels = (batch['image'][:, 0] > 128).long()
        if 'mask_valid' in batch:
            labels = labels.masked_fill(batch['mask_valid'][:, 0] == 0, -1)
        return {'labels': labels}


def predict(
    output: Path,
    data: Any,
    layout: Layout | None = None,
    task: LightningModule | None = None,
    **kwargs: Any,
) -> list[Path]:
    writer = GeoTIFFWriter(str(output), layout=layout)
    trainer = Trainer(
        **{'accelerator': 'cpu', 'logger': False, 'enable_progress_bar': False}
        | kwargs,
        callbacks=[writer],
    )
    where = 'dataloaders' if isinstance(data, DataLoader | list) else 'datamodule'
    trainer.predict(task or Threshold(), **{where: data}, return_predictions=False)
    assert sorted(output.glob('*.tif')) == sorted(writer.outputs)
    return writer.outputs


def loader(dataset: GeoDataset, sampler: Any, batch: int = 3) -> DataLoader[Sample]:
    return DataLoader(
        dataset, batch_size=batch, sampler=sampler, collate_fn=stack_samples
    )


def read(path: Path) -> Any:
    with rasterio.open(path) as src:
        return src.read(1)


def labels_of(data: Pixels) -> Any:
    return (data[0] > 128).astype(np.uint8)


SAMPLERS: dict[str, Callable[[GeoDataset], Any]] = {
    'without overlap': lambda d: GriddedPatchSampler(d, size=32),
    'overlapping': lambda d: GriddedPatchSampler(d, size=32, stride=20),
    'larger than the data': lambda d: GriddedPatchSampler(d, size=200),
    'by date': lambda d: (
        GriddedPatchSampler(d, size=(40, 30), stride=(25, 30))
        @ SequentialTimestampSampler(d)
    ),
    'file by file': lambda d: GridGeoSampler(d, size=32, stride=20),
    'whole files': lambda d: PreChippedGeoSampler(d, shuffle=True),
    'pixel grid': lambda d: PixelGridSampler(d, size=48, overlap=16),
    'no place': lambda d: SequentialTimestampSampler(d),
}


@pytest.mark.parametrize('name', SAMPLERS)
def test_maps_are_exact(name: str, naip: Path, whole: Pixels, tmp_path: Path) -> None:
    dataset = NAIP(naip)
    expected = labels_of(whole)
    tiles = loader(dataset, SAMPLERS[name](dataset), batch=1 if 'whole' in name else 3)
    for path in predict(tmp_path / 'file', tiles):
        source = naip / path.name.replace('_labels', '')
        with rasterio.open(source) as src, rasterio.open(path) as dst:
            assert (src.crs, src.transform) == (dst.crs, dst.transform)
        first = STEP if EAST in path.name else 0
        assert (read(path) == expected[:, first : first + WIDTH]).all()
    (mosaic,) = predict(tmp_path / 'mosaic', tiles, 'mosaic')
    assert (read(mosaic) == expected).all()


def test_skips_what_is_there(naip: Path, tmp_path: Path) -> None:
    data = GeoDatasetDataModule(paths=str(naip), tile_size=32, margin=8, batch_size=2)
    first, again = Threshold(), Threshold()
    maps = predict(tmp_path, data, task=first)
    before = [path.stat().st_mtime_ns for path in maps]
    maps[0].unlink()
    predict(tmp_path, data, task=again)
    assert maps[1].stat().st_mtime_ns == before[1]
    assert 0 < again.tiles < first.tiles
    done = Threshold()
    predict(tmp_path, data, task=done)
    assert not done.tiles


def test_bands_in_files_of_their_own(tmp_path: Path) -> None:
    whole = pixels(40, 50)
    for day in ('20240101T105331', '20240111T105331'):
        for i, band in enumerate(('B02', 'B03', 'B04', 'B08')):
            write(
                tmp_path / 'data' / 'R10m' / f'T31UFU_{day}_{band}_10m.tif',
                whole[i : i + 1],
            )
    dataset = Sentinel2(tmp_path / 'data', res=RES, bands=['B04', 'B03', 'B02', 'B08'])
    tiles = loader(
        dataset,
        GriddedPatchSampler(dataset, size=24) @ SequentialTimestampSampler(dataset),
    )
    maps = predict(tmp_path / 'maps', tiles)
    assert [path.name for path in maps] == [
        f'T31UFU_{day}T105331_10m_labels.tif' for day in ('20240101', '20240111')
    ]
    for path in maps:
        assert (read(path) == labels_of(whole[2:])).all()
    names = [p.name for p in predict(tmp_path / 'times', tiles, 'time')]
    assert names == ['2024-01-01_labels.tif', '2024-01-11_labels.tif']
    with pytest.raises(ValueError, match="2 times of one place.*layout='time'"):
        predict(tmp_path / 'mosaic', tiles, 'mosaic')


class Scenes(RasterDataset):
    filename_glob = 'scene_*.tif'


class Labels(RasterDataset):
    filename_glob = 'label_*.tif'
    is_image = False


def test_intersection_and_union(tmp_path: Path) -> None:
    whole = pixels(60, 80)
    write(tmp_path / 'scene_a.tif', whole)
    write(tmp_path / 'label_a.tif', whole[:1, 20:50, 10:70] % 3, 20, 10)
    data = IntersectionDataset(Scenes(tmp_path), Labels(tmp_path))
    (path,) = predict(
        tmp_path / 'both', loader(data, GriddedPatchSampler(data, size=16))
    )
    assert path.name == 'scene_a_labels.tif'
    assert (read(path) == labels_of(whole[:, 20:50, 10:70])).all()
    with rasterio.open(path) as dst:
        assert dst.bounds[::3] == pytest.approx((LEFT + 6, TOP - 12))

    write(tmp_path / 'more' / 'scene_b.tif', whole, 60, 80)
    union = Scenes(tmp_path / 'scene_a.tif') | Scenes(tmp_path / 'more')
    tiles = loader(union, GriddedPatchSampler(union, size=32, stride=24))
    for path in predict(tmp_path / 'either', tiles):
        assert (read(path) == labels_of(whole)).all()
    (path,) = predict(tmp_path / 'mosaic', tiles, 'mosaic')
    expected = np.full((120, 160), 255)
    expected[:60, :80] = expected[60:, 80:] = labels_of(whole)
    assert (read(path) == expected).all()  # the zeros of TorchGeo are in no file


class Normalized(GeoDataModule):
    """As the data modules of TorchGeo are, which normalize batches."""

    std = torch.tensor([255.0, 100, 50, 25])

    def __init__(self, folder: Path) -> None:
        super().__init__(NAIP, 2, 32, paths=folder)
        self.folder = folder

    def setup(self, stage: str) -> None:
        self.predict_dataset = NAIP(self.folder)
        self.predict_sampler = GriddedPatchSampler(self.predict_dataset, size=32)


class Probabilities(LightningModule):
    """Gives the probability of the second of two classes."""

    def __init__(self) -> None:
        super().__init__()
        self.save_hyperparameters({'num_classes': None})

    def predict_step(self, batch: Sample, batch_idx: int) -> Tensor:
        return batch['image'][:, :1]


def test_normalizing_data_module(naip: Path, whole: Pixels, tmp_path: Path) -> None:
    (path,) = predict(tmp_path, Normalized(naip), 'mosaic', Probabilities())
    labels = whole[0] > 127
    assert (read(path) == labels).all()
    with rasterio.open(path) as dst:
        bands, classes = read_summaries(dst.tags(1)[CLASSES_TAG])
    means = [float(band[labels == 1].mean()) for band in whole]
    assert classes[1].mean == pytest.approx(means, rel=1e-4)
    assert bands == ['R', 'G', 'B', 'NIR']


def test_two_grids(tmp_path: Path) -> None:
    write(tmp_path / 'data' / 'scene_a.tif', pixels(40, 40))
    write(tmp_path / 'data' / 'scene_b.tif', pixels(40, 40), 0, 30.4)
    dataset = Scenes(tmp_path / 'data')
    with pytest.warns(DataWarning, match=r'up to 0\.40 pixels off.*GriddedPatch'):
        predict(tmp_path / 'a', loader(dataset, GridGeoSampler(dataset, 20)), 'mosaic')
    for path in predict(
        tmp_path / 'b', loader(dataset, GriddedPatchSampler(dataset, size=20))
    ):
        assert set(np.unique(read(path))) == {0, 1}
    data = GeoDatasetDataModule(Scenes, str(tmp_path / 'data'), tile_size=20, margin=4)
    assert len(predict(tmp_path / 'c', data)) == 2


def test_small_files_are_told(naip: Path, tmp_path: Path) -> None:
    dataset = NAIP(naip)
    tiles = GriddedPatchSampler(
        dataset, size=20, roi=shapely.box(LEFT, TOP - 30, LEFT + 20, TOP)
    )
    with pytest.warns(DataWarning, match=f'no tile shows {EAST}'):
        maps = predict(tmp_path, loader(dataset, tiles))
    assert [WEST in path.name for path in maps] == [True]


def test_what_is_refused(naip: Path, tmp_path: Path) -> None:
    dataset = NAIP(naip)
    tiles = GriddedPatchSampler(dataset, size=32)
    for data, layout, error, said in (
        (loader(dataset, RandomPatchSampler(dataset, size=16, length=9)), None,
         ValueError, 'other tiles each time.*GriddedPatchSampler'),
        ([loader(dataset, tiles)] * 2, None, TypeError, '2 loaders'),
        (loader(dataset, tiles), 'place', ValueError, "layout='place' must be"),
        (RasterDataModule(str(naip), bands=[1, 2, 3, 4]), 'file', ValueError, 'knows its maps'),
    ):  # fmt: skip
        with pytest.raises(error, match=said):
            predict(tmp_path / 'maps', data, layout)  # type: ignore[arg-type]

    none = GriddedPatchSampler(dataset, size=300, stride=20)
    with pytest.warns(DataWarning, match='yields no tile.*smaller size'):
        predict(tmp_path / 'maps', loader(dataset, none))

    def halve(sample: Sample) -> Sample:
        return sample | {'image': sample['image'][:, ::2, ::2]}

    with pytest.raises(ValueError, match='32 x 32 pixels came as.*16 x 16'):
        predict(tmp_path / 'maps', loader(NAIP(naip, transforms=halve), tiles))


def test_one_file_at_two_times(naip: Path, tmp_path: Path) -> None:
    class Undated(Scenes):
        filename_glob = 'm_*.tif'
        mint, maxt = pd.Timestamp('2020-01-01'), pd.Timestamp('2020-12-31')

    dataset = Undated(naip)
    sampler = GriddedPatchSampler(dataset, size=64)
    halves = [
        (x, y, slice(pd.Timestamp(a), pd.Timestamp(b)))
        for a, b in (('2020-01-01', '2020-05-01'), ('2020-06-01', '2020-12-31'))
        for x, y in sampler
    ]
    with pytest.raises(ValueError, match="2 times, but layout='file'"):
        predict(tmp_path, loader(dataset, halves))
    names = [p.name for p in predict(tmp_path, loader(dataset, halves), 'time')]
    assert names == [
        '2020-01-01_2020-05-01_labels.tif',
        '2020-06-01_2020-12-31_labels.tif',
    ]


def test_zero_fill(tmp_path: Path) -> None:
    """A rotated scene has a black border inside of its file."""
    data = pixels(40, 60)
    data[:, :, :12] = 0
    write(tmp_path / 'data' / 'scene_a.tif', data)
    dataset = Scenes(tmp_path / 'data', transforms=MarkNodata(0))
    tiles = GriddedPatchSampler(dataset, size=32, stride=16)
    (path,) = predict(tmp_path / 'maps', loader(dataset, tiles))
    expected = labels_of(data)
    expected[:, :12] = 255
    assert (read(path) == expected).all()
    # Kornia turns the mask with the image.
    flip = K.AugmentationSequential(K.RandomHorizontalFlip(p=1), data_keys=None)
    batch = stack_samples([dataset[next(iter(tiles))]])
    turned = flip(batch)
    assert torch.equal(
        turned['mask_valid'], (turned['image'] != 0).any(1, True).float()
    )
