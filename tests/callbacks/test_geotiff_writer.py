# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor
from torchgeo.datasets.utils import Sample

from torchgeo_ktextures.callbacks import GeoTIFFWriter
from torchgeo_ktextures.datamodules import RasterDataModule

from ..rasters import scene_pixels, write_raster, write_scene


class Threshold(LightningModule):
    """Stands in for a task: the class of a pixel depends on the pixel alone."""

    def __init__(self, num_classes: int = 2, fail_at: int = -1) -> None:
        super().__init__()
        self.save_hyperparameters()

    def predict_step(self, batch: Sample, batch_idx: int) -> dict[str, Tensor]:
        if batch_idx == self.hparams['fail_at']:
            raise KeyboardInterrupt
        last: int = self.hparams['num_classes'] - 1
        labels = (batch['image'][:, 0] > 1500).long() * last
        return {'labels': labels.masked_fill(batch['mask_valid'][:, 0] == 0, -1)}


def predict(
    task: Threshold, paths: Path | list[Path], output: Path, tile: int = 32
) -> list[dict[str, Tensor]]:
    listed = [str(p) for p in paths] if isinstance(paths, list) else str(paths)
    data = RasterDataModule(listed, predict_tile_size=tile, margin=16)
    trainer = Trainer(
        accelerator='cpu',
        logger=False,
        enable_progress_bar=False,
        callbacks=[GeoTIFFWriter(str(output))],
    )
    predictions = trainer.predict(task, datamodule=data)
    assert predictions is not None
    return predictions  # type: ignore[return-value]


@pytest.mark.parametrize('num_classes', [2, 300])
def test_pixel_exact(scene: Path, tmp_path: Path, num_classes: int) -> None:
    predictions = predict(Threshold(num_classes), scene, tmp_path / 'deep' / 'maps')
    assert not any(predictions)  # released
    with rasterio.open(scene) as src:
        data = src.read()
    with rasterio.open(tmp_path / 'deep' / 'maps' / 'scene_labels.tif') as dst:
        labels = dst.read(1)
        nodata = 255 if num_classes == 2 else 65535
        assert dst.nodata == nodata
        assert dst.dtypes == ('uint8' if num_classes == 2 else 'uint16',)
    expected = (data[0] > 1500) * (num_classes - 1)
    expected[(data == 0).all(0)] = nodata
    assert (labels == expected).all()


def test_overviews_by_mode(tmp_path: Path) -> None:
    data = np.full((4, 1100, 1100), 1000, np.uint16)
    data[:, ::3, ::3] = 2000
    path = write_raster(tmp_path / 'big.tif', data)
    predict(Threshold(), path, tmp_path / 'maps', tile=512)
    output = tmp_path / 'maps' / 'big_labels.tif'
    with rasterio.open(output) as dst:
        assert dst.overviews(1)
    with rasterio.open(output, overview_level=0) as dst:
        assert set(np.unique(dst.read(1))) <= {0, 1}


def test_interrupted_leaves_nothing(scene: Path, tmp_path: Path) -> None:
    maps = tmp_path / 'maps'
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        predict(Threshold(fail_at=3), scene, maps)
    assert not list(maps.iterdir())


def test_names_must_not_clash(tmp_path: Path) -> None:
    paths = []
    for folder in ('a', 'b'):
        (tmp_path / folder).mkdir()
        paths.append(write_scene(tmp_path / folder / 'scene.tif'))
    with pytest.raises(ValueError, match='scene_labels.tif would overwrite'):
        predict(Threshold(), paths, tmp_path)
    taken = write_raster(tmp_path / 'scene_labels.tif', scene_pixels())
    with pytest.raises(ValueError, match='would overwrite an input'):
        predict(Threshold(), [paths[0], taken], tmp_path)


def test_folder_that_cannot_be_made(scene: Path, tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(ValueError, match='cannot be made.*choose a folder'):
        predict(Threshold(), scene, tmp_path / 'file' / 'maps')


def test_other_data_is_refused() -> None:
    trainer = Trainer(
        accelerator='cpu',
        logger=False,
        enable_progress_bar=False,
        callbacks=[GeoTIFFWriter('unused')],
    )
    loader = torch.utils.data.DataLoader([{'image': torch.zeros(4, 8, 8)}])
    with pytest.raises(TypeError, match='needs RasterDataModule or Planet'):
        trainer.predict(Threshold(), loader)
