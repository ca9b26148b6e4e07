# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
import yaml
from torchgeo.main import main

from .planet import (
    MONTHLY,
    SCENE,
    black_fill,
    udm2_classes,
    write_planet_scene,
    write_quad,
    write_udm2,
)

CONFIGS = Path(__file__).parents[1] / 'configs'


def small(name: str, tmp_path: Path, **data: Any) -> Path:
    """A shipped configuration, made small, in a folder of its own."""
    content = yaml.safe_load((CONFIGS / f'{name}.yaml').read_text())
    text = yaml.safe_dump(content).replace(f'output/{name}', str(tmp_path / 'out'))
    content = yaml.safe_load(text)
    content['trainer'] |= {'enable_progress_bar': False, 'accelerator': 'cpu'}
    content['model']['init_args'] |= {'num_classes': 2, 'init_patches': 8}
    content['data']['init_args'] |= {'patch_size': 32, 'length': 24, 'tile_size': 64}
    content['data']['init_args'] |= {'num_workers': 0, **data}
    path = tmp_path / 'small.yaml'
    path.write_text(yaml.safe_dump(content))
    return path


def test_basemap(tmp_path: Path) -> None:
    for x in (632, 633):
        write_quad(tmp_path / 'data' / MONTHLY, x, 1107, size=128, seed=x)
    config = small('planet_basemap', tmp_path, paths=str(tmp_path / 'data'))
    main(['fit', '--config', str(config)])
    checkpoint = tmp_path / 'out' / 'ktextures.ckpt'
    state = torch.load(checkpoint, weights_only=True)
    statistics = state['PlanetDataModule']['statistics']
    assert statistics.shape == (2, 4)
    main(['test', '--config', str(config), '--ckpt_path', str(checkpoint)])
    # Another folder is normalized as the one that was fitted, which may be gone.
    write_quad(tmp_path / 'other' / MONTHLY, 634, 1107, size=96)
    args = ['--config', str(config), '--ckpt_path', str(checkpoint)]
    args += ['--data.paths', str(tmp_path / 'other')]
    main(['predict', *args])
    output = tmp_path / 'out' / f'{MONTHLY}_labels.tif'
    with rasterio.open(output) as dst:
        labels = dst.read(1)
        assert dst.crs.to_epsg() == 3857
    assert labels.shape == (96, 96)
    assert labels.max() < 2


def test_scope(tmp_path: Path) -> None:
    size = {'height': 192, 'width': 400}
    write_planet_scene(tmp_path / 'data', f'{SCENE}.tif', **size)
    udm2 = SCENE.replace('AnalyticMS_SR', 'udm2')
    write_udm2(tmp_path / 'data', f'{udm2}.tif', **size)
    config = small('planet_scope', tmp_path, paths=str(tmp_path / 'data'))
    args = ['--config', str(config), '--data.valid_classes', '[clear, snow, haze]']
    main(['fit', *args])
    main(['predict', *args, '--ckpt_path', str(tmp_path / 'out' / 'ktextures.ckpt')])
    with rasterio.open(tmp_path / 'out' / f'{SCENE}_labels.tif') as dst:
        labels = dst.read(1)
    shadow_or_cloud = np.isin(udm2_classes(192, 400), [2, 5])
    expected = shadow_or_cloud | black_fill(192, 400)
    assert np.array_equal(labels == 255, expected)


def test_empty_folder(tmp_path: Path) -> None:
    config = small('planet_basemap', tmp_path, paths=str(tmp_path))
    with pytest.raises(FileNotFoundError, match='Dataset not found'):
        main(['fit', '--config', str(config)])
