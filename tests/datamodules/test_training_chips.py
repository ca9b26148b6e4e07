# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
import yaml
from sklearn.tree import DecisionTreeClassifier
from torchgeo.main import main

from torchgeo_ktextures.commands.export import export
from torchgeo_ktextures.datamodules import TrainingChipsDataModule

CONFIG = Path(__file__).parents[2] / 'configs' / 'supervised.yaml'


@pytest.fixture
def config(samples: Path, named: Path, tmp_path: Path) -> Path:
    """The configuration, made small."""
    content = yaml.safe_load(CONFIG.read_text())
    content['trainer'] |= {'max_epochs': 1, 'enable_progress_bar': False}
    model = {'num_classes': 3, 'in_channels': 4, 'ignore_index': 255}
    content['model']['init_args'] |= model
    content['data']['init_args'] |= {
        'root': str(samples / 'chips'),
        'predict_paths': str(named / 'scene.tif'),
        'length': 128,
    }
    path = tmp_path / 'supervised.yaml'
    text = yaml.safe_dump(content).replace('output/supervised', str(tmp_path / 'out'))
    path.write_text(text)
    return path


def src_colors(named: Path) -> dict[int, tuple[int, ...]]:
    """Colours of the named map."""
    with rasterio.open(named / 'named.tif') as src:
        table: dict[int, tuple[int, ...]] = src.colormap(1)
    return table


def test_batches(samples: Path) -> None:
    data = TrainingChipsDataModule(str(samples / 'chips'), batch_size=4)
    assert data.metadata.classes == ['sea', 'forest', 'city']
    data.setup('fit')
    batch = next(iter(data.val_dataloader()))
    assert batch['image'].shape == (4, 4, 32, 32)
    raw = batch['image'].clone()
    batch = data.on_after_batch_transfer(batch, 0)
    valid = batch['mask_valid'].bool().expand_as(raw)
    std = torch.tensor(data.metadata.std)[:, None, None]
    mean = torch.tensor(data.metadata.mean)[:, None, None]
    expected = ((raw - mean) / std)[valid]
    assert torch.allclose(batch['image'][valid], expected, atol=1e-5)
    assert (batch['image'][~valid] == 0).all()
    assert set(batch['mask'].unique().tolist()) <= {0, 1, 2, 255}
    figure = data.plot({k: v[0] for k, v in batch.items()})
    assert figure is not None
    # Together, training chips have mean 0 and spread 1.
    images = [
        data.on_after_batch_transfer(b, 0)
        for b in data.train_dataloader()
        for b in [b | {'keep': b['mask_valid'].bool()}]
    ]
    pixels = torch.cat([b['image'].movedim(1, -1)[b['keep'][:, 0]] for b in images])
    assert pixels.mean(0).abs().max() < 0.2
    assert (pixels.std(0) - 1).abs().max() < 0.2


def test_odd_sizes_are_padded(named: Path, tmp_path: Path) -> None:
    args = str(named / 'named.tif'), str(named / 'scene.tif'), str(tmp_path / 'out')
    export(*args, chip_size=21, points=1)
    data = TrainingChipsDataModule(str(tmp_path / 'out' / 'chips'), batch_size=2)
    data.setup('fit')
    batch = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert batch['image'].shape == (2, 4, 32, 32)
    assert batch['mask'].shape == (2, 32, 32)
    assert (batch['mask'][:, 21:] == 255).all()
    assert (batch['mask_valid'][..., 21:] == 0).all()


def test_several_scenes(named: Path, samples: Path, tmp_path: Path) -> None:
    args = str(named / 'named.tif'), str(named / 'scene.tif')
    for seed in (1, 2):
        export(*args, str(tmp_path / str(seed)), chip_size=32, seed=seed, scale=1000)
    roots = [str(tmp_path / '1' / 'chips'), str(tmp_path / '2' / 'chips')]
    both = TrainingChipsDataModule(roots, batch_size=1)
    both.setup('fit')
    parts = [TrainingChipsDataModule(r, batch_size=1) for r in roots]
    pixels = []
    for part in parts:
        part.setup('fit')
        for batch in part.train_dataloader():
            keep = batch['mask_valid'][:, 0] > 0
            pixels.append(batch['image'].movedim(1, -1)[keep].double())
    found = torch.cat(pixels)
    assert np.allclose(both.metadata.mean, found.mean(0), rtol=1e-4)
    assert np.allclose(both.metadata.std, found.std(0, correction=0), rtol=1e-4)
    lengths = [len(d.train_dataset) for d in (both, *parts)]  # type: ignore[arg-type]
    assert lengths[0] == lengths[1] + lengths[2]

    export(*args, str(tmp_path / '3'), chip_size=32, scale=10)
    with pytest.raises(ValueError, match='differ in scale: 1000 and 10'):
        TrainingChipsDataModule([roots[0], str(tmp_path / '3' / 'chips')])


def test_scenes_whose_maps_have_the_same_name(
    named: Path, samples: Path, tmp_path: Path
) -> None:
    """Each image gets the mask of its own scene."""
    flipped = {}
    for name in ('scene.tif', 'named.tif'):
        with rasterio.open(named / name) as src:
            data, profile, tags = src.read()[:, ::-1], src.profile, src.tags(1)
        flipped[name] = tmp_path / name
        with rasterio.open(flipped[name], 'w', **profile) as dst:
            dst.write(data)
            dst.update_tags(1, **tags)
            if name == 'named.tif':
                dst.write_colormap(1, src_colors(named))
    args = str(flipped['named.tif']), str(flipped['scene.tif']), str(tmp_path / 'out')
    export(*args, chip_size=32, scale=1000)
    roots = [str(samples / 'chips'), str(tmp_path / 'out' / 'chips')]
    data = TrainingChipsDataModule(roots, batch_size=1)
    data.setup('fit')
    # Colours tell the class, but only where image and mask belong together.
    colors, codes = [], []
    for sample in data.train_dataset:
        known = sample['mask'] != 255
        colors.append(sample['image'][:, known].T)
        codes.append(sample['mask'][known])
    tree = DecisionTreeClassifier(max_leaf_nodes=8)
    x, y = torch.cat(colors).numpy(), torch.cat(codes).numpy()
    assert tree.fit(x, y).score(x, y) > 0.9


def test_normalizes_as_the_checkpoint_did(samples: Path) -> None:
    data = TrainingChipsDataModule(str(samples / 'chips'))
    state: dict[str, Any] = {'mean': [1.0, 2, 3, 4], 'std': [1.0, 0, 1, 1]}
    data.load_state_dict(state)
    assert data.state_dict() == {'mean': [1, 2, 3, 4], 'std': [1, 1, 1, 1]}


def test_bad_input(config: Path, samples: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError,
        match=r'num_classes=5 does not fit.*set it to 3, or add.*training.yaml',
    ):
        main(['fit', '--config', str(config), '--model.num_classes', '5'])
    with pytest.raises(
        ValueError, match='in_channels=3 does not fit.*nir; set it to 4'
    ):
        main(['fit', '--config', str(config), '--model.in_channels', '3'])
    with pytest.raises(ValueError, match=r'does not hold chips \(metadata.yaml'):
        TrainingChipsDataModule(str(tmp_path))
    with pytest.raises(ValueError, match='no folder of chips'):
        TrainingChipsDataModule([])
    shutil.copytree(samples / 'chips', tmp_path / 'chips')
    shutil.rmtree(tmp_path / 'chips' / 'val')
    data = TrainingChipsDataModule(str(tmp_path / 'chips'), batch_size=4)
    with pytest.raises(ValueError, match='the val split is empty; export again with'):
        data.setup('fit')
    with pytest.raises(ValueError, match='predict_paths=None'):
        data.setup('predict')
    many = TrainingChipsDataModule(str(samples / 'chips'), batch_size=999)
    with pytest.raises(ValueError, match='batch_size=999 is more than the'):
        many.setup('fit')
