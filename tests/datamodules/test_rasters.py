# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path

import pytest
import torch
from torchgeo.datamodules.utils import MisconfigurationException

from torchgeo_ktextures.datamodules import RasterDataModule
from torchgeo_ktextures.datasets import Olinda


def test_olinda_by_default() -> None:
    datamodule = RasterDataModule(length=16, num_workers=0)
    datamodule.setup('fit')
    batches = list(datamodule.train_dataloader())
    assert [batch['image'].shape for batch in batches] == [(8, 4, 96, 96)] * 2
    (tile,) = datamodule.val_dataloader()
    scene = Olinda()
    assert torch.equal(tile['image'][0], scene[scene.bounds]['image'])


def test_predict_paths(scene: Path) -> None:
    datamodule = RasterDataModule(
        predict_paths=str(scene), predict_tile_size=32, margin=16
    )
    datamodule.setup('predict')
    tiles = list(datamodule.predict_dataloader())
    assert len(tiles) == 3 * 4
    assert {len(tile['image']) for tile in tiles} == {1}


def test_workers_give_the_same(scene: Path) -> None:
    draws = []
    for workers in (0, 2):
        datamodule = RasterDataModule(
            str(scene), patch_size=32, length=16, num_workers=workers, seed=3
        )
        datamodule.setup('fit')
        draws.append(torch.cat([b['image'] for b in datamodule.train_dataloader()]))
    assert torch.equal(*draws)


def test_bad_arguments(scene: Path) -> None:
    with pytest.raises(ValueError, match='batch_size=8 must be between 1 and length=4'):
        RasterDataModule(length=4)
    datamodule = RasterDataModule(str(scene), patch_size=80)
    with pytest.raises(ValueError, match='smaller than a patch of 80'):
        datamodule.setup('fit')
    with pytest.raises(MisconfigurationException):
        RasterDataModule().train_dataloader()
