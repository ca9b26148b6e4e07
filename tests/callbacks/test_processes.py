# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Several processes train together, and write the same maps as one."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer

from torchgeo_ktextures.callbacks import GeoTIFFWriter
from torchgeo_ktextures.datamodules import RasterDataModule
from torchgeo_ktextures.tasks import KTextures

from ..rasters import scene_pixels, write_raster

SCRIPT = """
import sys

import torch
from lightning.pytorch import Trainer, seed_everything

from torchgeo_ktextures.datamodules import RasterDataModule
from torchgeo_ktextures.tasks import KTextures
from tests.callbacks.test_processes import predict

torch.set_num_threads(1)
training, *scenes = sys.argv[1:]
seed_everything(0)
task = KTextures(2, n_init=2, features=['color'], init_patches=8, init='kmeans')
data = RasterDataModule(training, patch_size=48, batch_size=2, length=16)
trainer = Trainer(
    accelerator='cpu',
    devices=2,
    strategy='ddp',
    max_epochs=2,
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    limit_val_batches=0,
)
trainer.fit(task, datamodule=data)
weights = [float(p.detach().sum()) for p in task.model.mask_network.parameters()]
torch.save(weights, f'{trainer.global_rank}.pt')
predict(scenes, 'maps2', devices=2, strategy='ddp')
"""


def predict(scenes: list[str], output: str, **kwargs: Any) -> None:
    """Write maps of a task that is the same in all processes."""
    torch.manual_seed(0)
    task = KTextures(num_classes=3, mask_stride=2, features=['color']).eval()
    task.fitted.fill_(True)
    network = task.model.mask_network
    with torch.no_grad():
        network.head.bias -= network(torch.randn(1, 4, 64, 64)).mean((0, 2, 3))
    task.model.normalizer.mean.fill_(1500)
    task.model.normalizer.std.fill_(400)
    data = RasterDataModule(scenes, predict_tile_size=32, margin=16)
    trainer = Trainer(
        accelerator='cpu',
        logger=False,
        enable_progress_bar=False,
        callbacks=[GeoTIFFWriter(output, confidence_suffix='_confidence')],
        **kwargs,
    )
    trainer.predict(task, datamodule=data, return_predictions=False)


def test_two_processes_train_one_model_and_write_the_same_bytes(
    tmp_path: Path,
) -> None:
    pixels = scene_pixels(96, 96)
    pixels[:, 48:] += 1000
    # The second has only one tile, so that one process has no part in it.
    training, *scenes = (
        str(write_raster(tmp_path / name, data))
        for name, data in {
            'training.tif': pixels,
            'a.tif': scene_pixels(),
            'b.tif': scene_pixels(20, 30, seed=1),
        }.items()
    )
    path = tmp_path / 'script.py'
    path.write_text(SCRIPT)
    subprocess.run(
        [sys.executable, str(path), training, *scenes],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        env=os.environ | {'PYTHONPATH': os.getcwd()},
    )
    one, two = (torch.load(tmp_path / f'{rank}.pt') for rank in range(2))
    assert one == two

    predict(scenes, str(tmp_path / 'maps1'))
    names = sorted(path.name for path in (tmp_path / 'maps1').iterdir())
    ends = ('confidence.tif', 'labels.qml', 'labels.tif', 'labels.tif.aux.xml')
    assert names == [f'{scene}_{end}' for scene in 'ab' for end in ends]
    assert sorted(p.name for p in (tmp_path / 'maps2').iterdir()) == names
    for name in names:
        one, two = (tmp_path / f'maps{n}' / name for n in (1, 2))
        assert one.read_bytes() == two.read_bytes()
