# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor
from torchgeo.datasets import DatasetNotFoundError
from torchgeo.datasets.utils import Sample

from tests.planet import (
    BIANNUAL,
    MONTHLY,
    SCENE,
    black_fill,
    pixels,
    udm2_classes,
    write_planet_scene,
    write_quad,
    write_udm2,
)
from tests.rasters import labels_of
from torchgeo_ktextures.callbacks import GeoTIFFWriter
from torchgeo_ktextures.datamodules import PlanetDataModule
from torchgeo_ktextures.models import KTexturesModel
from torchgeo_ktextures.tasks import KTextures

JULY = MONTHLY.replace('06', '07')


class Threshold(LightningModule):
    """The class of a pixel depends on the pixel alone."""

    def __init__(self) -> None:
        super().__init__()
        self.save_hyperparameters({'num_classes': 2})

    def predict_step(self, batch: Sample, batch_idx: int) -> dict[str, Tensor]:
        labels = (batch['image'][:, 3] > 0).long()
        return {'labels': labels.masked_fill(batch['mask_valid'][:, 0] == 0, -1)}


def predict(task: LightningModule, data: PlanetDataModule, output: Path) -> list[Path]:
    writer = GeoTIFFWriter(str(output))
    trainer = Trainer(
        accelerator='cpu', logger=False, enable_progress_bar=False, callbacks=[writer]
    )
    trainer.predict(task, datamodule=data, return_predictions=False)
    assert sorted(output.glob('*.tif')) == sorted(writer.outputs)
    assert len(list(output.iterdir())) == 3 * len(writer.outputs)  # with sidecars
    return writer.outputs


@pytest.fixture
def block(tmp_path: Path) -> Path:
    """2 x 2 quads of 256 x 256 pixels with a hole across their borders."""
    folder = tmp_path / 'data'
    for i, (x, y) in enumerate(((632, 1107), (633, 1107), (632, 1106), (633, 1106))):
        rows = slice(206, 256) if y == 1107 else slice(0, 20)
        cols = slice(236, 256) if x == 632 else slice(0, 70)
        write_quad(folder / MONTHLY, x, y, size=256, seed=i, invalid=(rows, cols))
    return folder


def mosaic() -> Any:
    parts = [pixels(256, seed=i)[[2, 1, 0, 3]] for i in range(4)]
    whole = np.concatenate(
        [np.concatenate(parts[:2], 2), np.concatenate(parts[2:], 2)], 1
    )
    whole[:, 206:276, 236:326] = 0
    return whole


@pytest.mark.parametrize(
    ('tile', 'margin'), [(64, 0), (100, 30), (512, 96), (512, 0), (33, 5)]
)
def test_block_of_quads(block: Path, tmp_path: Path, tile: int, margin: int) -> None:
    data = PlanetDataModule(
        str(block), tile_size=tile, margin=margin, mean=[0, 0, 0, 0.25], std=[1] * 4
    )
    outputs = predict(Threshold(), data, tmp_path / 'maps')
    assert [path.name for path in outputs] == [f'{MONTHLY}_labels.tif']
    whole = mosaic()
    expected = (whole[3] > 2500).astype(int)
    expected[(whole == 0).all(0)] = 255
    assert (labels_of(outputs[0]) == expected).all()
    with (
        rasterio.open(outputs[0]) as dst,
        rasterio.open(block / MONTHLY / '632-1107.tif') as src,
    ):
        assert dst.crs == src.crs
        assert np.allclose(tuple(dst.transform), tuple(src.transform), rtol=1e-12)
        assert dst.tags(ns='IMAGE_STRUCTURE')['LAYOUT'] == 'COG'


def test_margin_is_enough() -> None:
    for stride in (1, 2, 4, 8, 16):
        model = KTexturesModel(4, 4, stride)
        for needed in (True, False):
            model.needs_network.fill_(needed)
            assert PlanetDataModule().margin >= model.context


def test_no_seams(block: Path, tmp_path: Path) -> None:
    task = KTextures(num_classes=6, mask_stride=4)
    task.fitted.fill_(True)
    for module in task.model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)  # type: ignore[union-attr]
    network = task.eval().model.mask_network
    with torch.no_grad():  # no class wins everywhere, as one may by chance
        network.head.bias -= network(torch.randn(1, 4, 256, 256)).mean((0, 2, 3))
    maps = []
    for name, tile, margin in (('at once', 512, 0), ('tiles', 64, 96), ('bare', 64, 0)):
        data = PlanetDataModule(str(block), tile_size=tile, margin=margin)
        maps.append(labels_of(predict(task, data, tmp_path / name)[0]))
    whole, tiled, bare = maps
    assert len(np.unique(whole[whole < 255])) > 1
    # equal but for ties that other shapes of the same sums decide otherwise
    assert (whole == tiled).mean() > 0.99999
    assert (whole == bare).mean() < 0.999


def test_dates_make_maps_of_their_own(tmp_path: Path) -> None:
    folder = tmp_path / 'data'
    write_quad(folder / MONTHLY, 632, 1107, size=64)
    write_quad(folder / MONTHLY, 634, 1106, size=64, seed=1)
    write_quad(folder / JULY, 634, 1106, size=64, seed=2)
    write_quad(folder / BIANNUAL, 632, 1107, size=64, seed=3)
    arguments: dict[str, Any] = {'mean': [0, 0, 0, 0.25], 'std': [1] * 4}
    data = PlanetDataModule(str(folder), tile_size=48, margin=8, **arguments)
    outputs = predict(Threshold(), data, tmp_path / 'maps')
    assert [p.name for p in outputs] == [
        f'{name}_labels.tif' for name in (BIANNUAL, MONTHLY, JULY)
    ]
    june, july = labels_of(outputs[1]), labels_of(outputs[2])
    assert june.shape == (128, 192)
    expected = [(pixels(64, seed=i)[3] > 2500).astype(int) for i in range(4)]
    assert (june[:64, :64] == expected[0]).all()
    assert (june[64:, 128:] == expected[1]).all()
    assert (june[64:, :128] == 255).all()
    assert (july == expected[2]).all()
    assert (labels_of(outputs[0]) == expected[3]).all()

    data = PlanetDataModule(str(folder), date='2021-07', tile_size=48, **arguments)
    outputs = predict(Threshold(), data, tmp_path / 'july')
    assert [p.name for p in outputs] == [f'{JULY}_labels.tif']
    assert (labels_of(outputs[0]) == expected[2]).all()
    data = PlanetDataModule(str(folder), date='2020-01')
    with pytest.raises(ValueError, match=r"'2020-01'.*2016-06-01, 2021-06-01"):
        data.setup('predict')
    with pytest.raises(ValueError, match="date='recently'"):
        PlanetDataModule(str(folder), date='recently').setup('predict')


def test_scenes_keep_their_grid(tmp_path: Path) -> None:
    folder = tmp_path / 'data'
    other = SCENE.replace('0613', '0614')
    for name, origin, seed in (
        (SCENE, (614_625.0, 4_175_412.0), 0),
        (other, (614_655.0, 4_175_382.0), 1),
    ):
        write_planet_scene(folder, f'{name}.tif', origin=origin, seed=seed)
        udm2 = name.replace('AnalyticMS_SR', 'udm2')
        write_udm2(folder, f'{udm2}.tif', origin=origin)
    data = PlanetDataModule(
        str(folder), 'scope', tile_size=32, margin=4, mean=[0, 0, 0, 0.25], std=[1] * 4
    )
    outputs = predict(Threshold(), data, tmp_path / 'maps')
    valid = (udm2_classes(90, 120) == 0) & ~black_fill(90, 120)
    for seed, (name, output) in enumerate(zip((SCENE, other), outputs, strict=True)):
        assert output.name == f'{name}_labels.tif'
        expected = (pixels(90, seed, 120)[3] > 2500).astype(int)
        expected[~valid] = 255
        assert (labels_of(output) == expected).all()
        with rasterio.open(output) as dst, rasterio.open(folder / f'{name}.tif') as src:
            assert dst.transform == src.transform
            assert dst.crs == src.crs


def test_split_by_area(block: Path) -> None:
    write = write_quad(block / JULY, 632, 1107, size=256, seed=9)
    assert write.exists()
    data = PlanetDataModule(
        str(block), tile_size=64, patch_size=32, val_split=0.2, test_split=0.1
    )
    data.setup('fit')
    held: dict[str, Any] = {}
    for split, count in (('val', 13), ('test', 6)):
        data.setup(split.replace('val', 'validate'))
        items = list(getattr(data, f'{split}_sampler'))
        held[split] = {
            shapely.box(x.start, y.start, x.stop, y.stop) for x, y, _ in items
        }
        assert len(held[split]) == count
        # a tile is held out at all its dates
        assert len(items) > count
    area = shapely.union_all([*held['val'], *held['test']])
    side = 64 * data.train_dataset.res[0]  # type: ignore[union-attr]
    assert area.area == pytest.approx(19 * side**2)
    data.length = 500
    data.setup('fit')
    patches = [
        shapely.box(x.start, y.start, x.stop, y.stop)
        for x, y, _ in data.train_sampler  # type: ignore[union-attr,misc]
    ]
    assert len(patches) == 500
    overlap = shapely.union_all(patches).intersection(area).area
    assert overlap < 1e-3 * side**2
    # the same seed holds out the same tiles
    again = PlanetDataModule(
        str(block), tile_size=64, patch_size=32, val_split=0.2, test_split=0.1
    )
    again.setup('validate')
    assert list(again.val_sampler) == list(data.val_sampler)  # type: ignore[arg-type]


def test_statistics(block: Path) -> None:
    data = PlanetDataModule(str(block), tile_size=128, patch_size=32, length=16)
    data.setup('fit')
    whole = mosaic()
    values = whole[:, (whole > 0).any(0)] / 10_000
    expected = np.stack([values.mean(1), values.std(1)])
    assert data.statistics is not None
    assert np.allclose(data.statistics.numpy(), expected, rtol=1e-5)
    batch = next(iter(data.train_dataloader()))
    batch = data.on_after_batch_transfer(batch, 0)
    assert (batch['image'] * (1 - batch['mask_valid']) == 0).all()
    other = PlanetDataModule('elsewhere')
    other.load_state_dict(data.state_dict())
    assert other.statistics is data.statistics


def test_augmentation_keeps_pixels(block: Path) -> None:
    data = PlanetDataModule(str(block), patch_size=32, batch_size=8, tile_size=128)
    image = torch.arange(32.0 * 32).reshape(1, 1, 32, 32).repeat(8, 4, 1, 1)
    valid = (image[:, :1] % 3 > 0).float()
    out = data.nadir_aug(
        {'image': image, 'mask_valid': valid, 'bounds': torch.ones(8, 9)}
    )
    assert torch.equal(out['mask_valid'], (out['image'][:, :1].round() % 3 > 0).float())
    assert (out['bounds'] == 1).all()
    flat = out['image'].round().reshape(8, 4, -1).sort().values
    assert torch.equal(flat, image.reshape(8, 4, -1))
    assert len({tuple(v.round().tolist()) for v in out['image'][:, 0, 0]}) > 3


def test_all_stages(block: Path) -> None:
    task = KTextures(num_classes=3, init_patches=8)
    data = PlanetDataModule(
        str(block), patch_size=32, length=16, batch_size=4, tile_size=128
    )
    trainer = Trainer(
        accelerator='cpu',
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=block.parent,
    )
    trainer.fit(task, datamodule=data)
    # Normalized once: little is left for the task to normalize.
    assert task.model.normalizer.mean.abs().max() < 0.3
    assert (task.model.normalizer.std - 1).abs().max() < 0.3
    assert np.isfinite(float(trainer.callback_metrics['val_loss']))
    assert 'val_loss' in trainer.validate(task, datamodule=data, verbose=False)[0]
    assert 'test_loss' in trainer.test(task, datamodule=data, verbose=False)[0]
    data = PlanetDataModule(
        str(block),
        patch_size=32,
        length=16,
        batch_size=4,
        tile_size=128,
        val_split=0,
        test_split=0,
        num_workers=1,
    )
    trainer.fit(task, datamodule=data)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'source': 'skysat'}, "source='skysat'"),
        ({'batch_size': 9, 'length': 8}, 'batch_size=9'),
        ({'tile_size': 0}, 'tile_size=0'),
        ({'margin': -1}, 'margin=-1'),
        ({'mean': [0.1]}, 'given together'),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PlanetDataModule(**arguments)


def test_bad_data(block: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError):
        PlanetDataModule(str(tmp_path / 'nowhere')).setup('fit')
    with pytest.raises(ValueError, match='1 tiles of 512 x 512.*smaller tile_size'):
        PlanetDataModule(str(block), tile_size=512).setup('fit')
    with pytest.raises(ValueError, match='val_split=0.6'):
        PlanetDataModule(str(block), val_split=0.6, test_split=0.5).setup('fit')
    data = PlanetDataModule(str(block), mean=[0], std=[1], tile_size=128, length=8)
    data.setup('fit')
    batch = next(iter(data.train_dataloader()))
    with pytest.raises(ValueError, match='mean and std are of 1 bands.*have 4'):
        data.on_after_batch_transfer(batch, 0)
