# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Files that benchmarks/campaign found to be damaged in a way that nobody was told of."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
import yaml

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.checkpoints import run_of, save_checkpoint
from torchgeo_ktextures.datamodules import TrainingChipsDataModule
from torchgeo_ktextures.datasets import CorruptRasterError
from torchgeo_ktextures.datasets import open_raster as open_scene_raster
from torchgeo_ktextures.datasets.survey import Survey, load_survey, save_survey
from torchgeo_ktextures.errors import UnreadableError
from torchgeo_ktextures.maps.metadata import read_metadata
from torchgeo_ktextures.maps.reading import class_names, open_raster

from .rasters import write_raster


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 0x40
    path.write_bytes(data)


def test_weights_that_changed_are_refused(tmp_path: Path, scene: Path) -> None:
    path = tmp_path / 'model.ckpt'
    fitted = KTexturesSegmenter(2, max_steps=1, device='cpu').fit(str(scene))
    save_checkpoint(fitted, path, 'run')
    KTexturesSegmenter.load(path)
    assert run_of(path) == 'run'
    whole = path.read_bytes()
    flip(path, len(whole) // 2)
    torch.load(path, weights_only=True)  # which does not notice it
    for position in (len(whole) // 2, 200, len(whole) - 100):
        path.write_bytes(whole)
        flip(path, position)
        assert run_of(path) is None
        with pytest.raises(ValueError, match=r'model.ckpt is not a checkpoint .*read'):
            KTexturesSegmenter.load(path)


def test_damaged_survey_is_none(tmp_path: Path) -> None:
    path = tmp_path / 'survey.npz'
    survey = Survey.of(np.eye(90, dtype=bool), np.ones(4), np.ones(4))
    save_survey(path, survey)
    assert load_survey(path) is not None
    whole = path.read_bytes()
    for data in (
        whole[:-30],
        whole[: len(whole) // 2],
        b'PK',
        whole[:300] + whole[400:],
    ):
        path.write_bytes(data)
        assert load_survey(path) is None
    path.write_bytes(whole)
    flip(path, 400)
    assert load_survey(path) is None


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('classes', 'sea'),
        ('classes', []),
        ('colors', [[1, 2, 3]]),
        ('colors', [[1, 2, 300]] * 3),
        ('bands', [1, 2, 3, 4]),
        ('scale', 0),
        ('scale', 'x'),
        ('ignore_index', None),
        ('chip_size', 1.5),
        ('statistics', {'pixels': 1, 'mean': [1.0], 'std': [1.0]}),
        ('statistics', {'pixels': 0, 'mean': [1.0] * 4, 'std': [1.0] * 4}),
        ('statistics', {'pixels': 1, 'mean': [float('nan')] * 4, 'std': [1.0] * 4}),
        ('statistics', 5),
    ],
)
def test_damaged_metadata(
    samples: Path, tmp_path: Path, key: str, value: object
) -> None:
    content = yaml.safe_load((samples / 'chips' / 'metadata.yaml').read_text('utf-8'))
    (tmp_path / 'metadata.yaml').write_text(yaml.safe_dump(content | {key: value}))
    with pytest.raises(
        ValueError, match=rf'metadata.yaml has {key} .*export the chips'
    ):
        read_metadata([tmp_path])


@pytest.mark.parametrize('text', ['', '[1]', 'a: 1: 2', '\x85', '2021-99-99', '- 1'])
def test_metadata_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / 'metadata.yaml').write_text(text, encoding='latin-1')
    with pytest.raises(ValueError, match=r'metadata.yaml (has classes|cannot be read)'):
        read_metadata([tmp_path])


def test_damaged_names(tmp_path: Path) -> None:
    labels = np.zeros((1, 5, 6), np.uint8)
    for text in ('["sea", "for', '{}', '[1, 2]', '"sea"', '[' * 100_000):
        path = write_raster(tmp_path / 'named.tif', labels, nodata=255)
        with rasterio.open(path, 'r+') as dst:
            dst.update_tags(1, CLASS_NAMES=text)
        with (
            rasterio.open(path) as src,
            pytest.raises(UnreadableError, match='relabel'),
        ):
            class_names(src)


def test_names_of_bands_that_are_no_text(tmp_path: Path, scene: Path) -> None:
    data = bytearray(scene.read_bytes())
    data[data.index(b'>green<') + 2] = 0x82
    path = tmp_path / 'bad.tif'
    path.write_bytes(data)
    with pytest.raises(CorruptRasterError, match=r'bad.tif is not a readable raster'):
        open_scene_raster(str(path))
    with pytest.raises(UnreadableError, match=r"bad.tif' cannot be read"):
        open_raster(path)


def test_damaged_mask_of_a_chip(samples: Path, tmp_path: Path) -> None:
    shutil.copytree(samples / 'chips', tmp_path / 'chips')
    for mask in (tmp_path / 'chips' / 'val' / 'masks').glob('*.tif'):
        with rasterio.open(mask) as src:
            start = int(src.get_tag_item('BLOCK_OFFSET_0_0', 'TIFF', bidx=1))
        data = bytearray(mask.read_bytes())
        data[start : start + 16] = bytes(16)
        mask.write_bytes(data)
    data_module = TrainingChipsDataModule(str(tmp_path / 'chips'), batch_size=2)
    data_module.setup('fit')
    with pytest.raises(UnreadableError, match=r'masks.*tif cannot be read'):
        next(iter(data_module.val_dataloader()))
