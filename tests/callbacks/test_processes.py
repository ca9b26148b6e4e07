# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Several processes write the same maps as one."""

import os
import subprocess
import sys
from pathlib import Path

from ..rasters import scene_pixels, write_raster

SCRIPT = """
import sys

import torch
from lightning.pytorch import Trainer

from torchgeo_ktextures.callbacks import GeoTIFFWriter
from torchgeo_ktextures.datamodules import RasterDataModule
from torchgeo_ktextures.tasks import KTextures

torch.set_num_threads(1)
torch.manual_seed(0)
task = KTextures(num_classes=3, mask_stride=2, features=['color']).eval()
task.fitted.fill_(True)
network = task.model.mask_network
with torch.no_grad():
    network.head.bias -= network(torch.randn(1, 4, 64, 64)).mean((0, 2, 3))
task.model.normalizer.mean.fill_(1500)
task.model.normalizer.std.fill_(400)
devices, output, *scenes = sys.argv[1:]
data = RasterDataModule(scenes, predict_tile_size=32, margin=16)
trainer = Trainer(
    accelerator='cpu',
    devices=int(devices),
    strategy='ddp' if int(devices) > 1 else 'auto',
    logger=False,
    enable_progress_bar=False,
    callbacks=[GeoTIFFWriter(output, confidence_suffix='_confidence')],
)
trainer.predict(task, datamodule=data, return_predictions=False)
"""


def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    script = tmp_path / 'script.py'
    script.write_text(SCRIPT)
    # The second has only one tile, so that one process has no part in it.
    scenes = [
        write_raster(tmp_path / 'a.tif', scene_pixels()),
        write_raster(tmp_path / 'b.tif', scene_pixels(20, 30, seed=1)),
    ]
    for devices in (1, 2):
        command = [sys.executable, str(script), str(devices), f'maps{devices}']
        subprocess.run(
            [*command, *map(str, scenes)],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            env=os.environ | {'PYTHONPATH': os.getcwd()},
        )
    names = sorted(path.name for path in (tmp_path / 'maps1').iterdir())
    assert names == [f'{s}_{k}.tif' for s in 'ab' for k in ('confidence', 'labels')]
    assert sorted(p.name for p in (tmp_path / 'maps2').iterdir()) == names
    for name in names:
        one, two = (tmp_path / f'maps{n}' / name for n in (1, 2))
        assert one.read_bytes() == two.read_bytes()
