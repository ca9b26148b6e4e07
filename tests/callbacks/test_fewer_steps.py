# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from torchgeo_ktextures.callbacks import FewerSteps
from torchgeo_ktextures.datamodules import ArrayDataModule
from torchgeo_ktextures.tasks import KTextures

#: Such that noise has more variance than what goes on.
NOISE = 12.0


def halves(noise: float = 0.1) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(4, 64, 64, generator=generator) * noise
    image[:, :, 32:] += 3
    return image


def fit(folder: Path, image: Tensor, callback: FewerSteps, **kwargs: Any) -> Trainer:
    task = KTextures(2, features=['color'], init_patches=8)
    task.draws = False
    data = ArrayDataModule(
        [image.numpy()], patch_size=32, batch_size=2, length=24, seed=0
    )
    trainer = Trainer(
        accelerator='cpu',
        max_epochs=1,
        callbacks=[callback, ModelCheckpoint(folder, 'half', every_n_train_steps=3)],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        default_root_dir=folder,
    )
    trainer.fit(task, datamodule=data, **kwargs)
    return trainer


def test_colour_alone_needs_no_steps(tmp_path: Path) -> None:
    assert fit(tmp_path, halves(), FewerSteps()).global_step == 1


def test_colour_needs_fewer_steps(tmp_path: Path) -> None:
    # Here it tells some 0.6 of the classes.
    steps = fit(tmp_path, halves(NOISE), FewerSteps(least=2)).global_step
    assert 6 < steps < 9
    checkpoint = tmp_path / 'half.ckpt'
    resumed = fit(tmp_path, halves(NOISE), FewerSteps(least=2), ckpt_path=checkpoint)
    assert resumed.global_step == steps


@pytest.mark.parametrize(('least', 'steps'), [(9, 9), (50, 12)])
def test_least(tmp_path: Path, least: int, steps: int) -> None:
    assert fit(tmp_path, halves(NOISE), FewerSteps(least)).global_step == steps


def test_noise_needs_all_steps(tmp_path: Path) -> None:
    image = torch.randn(4, 64, 64)
    assert fit(tmp_path, image, FewerSteps(least=2)).global_step >= 11
