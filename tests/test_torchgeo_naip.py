# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""TorchGeo's own dataset and command, from files to maps, with one process and two."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from rasterio.transform import Affine
from torchgeo.main import main

from .four_regions import agreement, four_regions
from .rasters import write_raster

CONFIG = Path(__file__).parents[1] / 'configs' / 'torchgeo_naip.yaml'
DATES = ('20181104', '20200610')
SMALL = [
    '--trainer.accelerator', 'cpu', '--trainer.enable_progress_bar', 'false',
    '--trainer.logger', 'false', '--model.num_classes', '4',
    '--model.features', '[color]', '--data.length', '40', '--data.patch_size', '48',
    '--data.tile_size', '32', '--data.margin', '16', '--data.num_workers', '0',
]  # fmt: skip


def write_naip(folder: Path) -> None:
    folder.mkdir()
    for i, date in enumerate(DATES):
        data = (four_regions(seed=i)[0] * 400).clip(1, 255).astype(np.uint8)
        data[:, :10, :20] = 0
        write_raster(
            folder / f'm_3807511_ne_18_060_{date}.tif',
            data,
            crs='EPSG:26918',
            transform=Affine(0.6, 0, 371_646 + 30 * i, 0, -0.6, 4_200_528),
        )


def predict(*args: str) -> list[Path]:
    checkpoint = 'output/torchgeo_naip/ktextures.ckpt'
    settings = ('--config', str(CONFIG), *SMALL, '--ckpt_path', checkpoint)
    main(['predict', *settings, '--return_predictions', 'false', *args])
    return sorted(Path('output').rglob('*_labels.tif'))


@pytest.fixture
def one_thread() -> Iterator[None]:
    """No other threads, which would not live on in a fork."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures('one_thread')
def test_fit_and_predict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_naip(tmp_path / 'data')
    monkeypatch.chdir(tmp_path)
    main(['fit', '--config', str(CONFIG), *SMALL])
    maps = predict()
    assert [path.name for path in maps] == [
        f'm_3807511_ne_18_060_{date}_labels.tif' for date in DATES
    ]
    for i, path in enumerate(maps):
        source = Path('data') / path.name.replace('_labels', '')
        with rasterio.open(path) as dst, rasterio.open(source) as src:
            labels = dst.read(1)
            assert (dst.crs, dst.transform) == (src.crs, src.transform)
        valid = labels != 255
        assert not valid[:10, :20].any()
        assert valid.sum() == valid.size - 200
        assert agreement(four_regions(seed=i)[1], labels, valid) > 0.9

    if sys.platform != 'linux':  # where processes cannot be forked safely
        return
    before = {path: path.read_bytes() for path in maps}
    for path in maps:
        path.unlink()
    monkeypatch.setenv('MASTER_PORT', '29517')  # none is looked for by a socket
    again = predict('--trainer.devices', '2', '--trainer.strategy', 'ddp_fork')
    assert {path: path.read_bytes() for path in again} == before
