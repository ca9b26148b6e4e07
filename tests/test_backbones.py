# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.cli import main
from torchgeo_ktextures.datamodules import RasterDataModule
from torchgeo_ktextures.models import BackboneFeatures
from torchgeo_ktextures.tasks import KTextures, kept_features
from torchgeo_ktextures.trainer import make_trainer

from .rasters import scene_pixels

NETWORK = 'vit_tiny_patch16_224'


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Number of images of each pass through a backbone."""
    found: list[int] = []
    forward = BackboneFeatures.forward

    def counted(self: BackboneFeatures, x: Tensor) -> dict[str, Tensor]:
        found.append(len(x))
        return forward(self, x)

    monkeypatch.setattr(BackboneFeatures, 'forward', counted)
    return found


def make_segmenter(**kwargs: Any) -> KTexturesSegmenter:
    kwargs = {'backbone': NETWORK, 'backbone_weights': False, 'max_steps': 4} | kwargs
    return KTexturesSegmenter(2, patch_size=48, random_state=0, **kwargs)


def test_estimator(passes: list[int], tmp_path: Path) -> None:
    image = scene_pixels()
    segmenter = make_segmenter(n_init=2)
    labels = segmenter.fit_predict(image)
    assert 'backbone' in segmenter.task_.hparams['features']
    assert set(np.unique(labels)) == {0, 1}
    # Both starts and all steps share one pass over the sample, two patches by three.
    patches = sum(passes)
    assert patches == 6
    assert segmenter.task_.kept is segmenter.task_.labelled is None
    # Colour leaves half to the features.
    assert segmenter.task_.model.prior.mixture.color_weight == 0.5
    assert 'similarity_backbone' not in segmenter.history_.values
    segmenter.predict(image)
    assert sum(passes) == patches
    segmenter.save(tmp_path / 'model.ckpt')
    again = KTexturesSegmenter.load(tmp_path / 'model.ckpt')
    assert np.array_equal(again.predict(image), labels)
    # The checkpoint has the random weights, too.
    assert again.score(image) == segmenter.score(image)
    assert again.suggest_points(image, 3).shape == (3, 3)


def test_layers_of_a_backbone_alone() -> None:
    names = ['backbone', 'backbone_blocks.8']
    labels = make_segmenter(features=names).fit_predict(scene_pixels())
    assert set(np.unique(labels)) == {0, 1}


def test_needs_weights() -> None:
    with pytest.raises(ValueError, match='the backbone needs weights'):
        make_segmenter(backbone_weights=None).fit(scene_pixels())
    with pytest.raises(ValueError, match='backbone_share=2 must be from 0 to 1'):
        KTextures(features=['backbone'], backbone=NETWORK, backbone_share=2)
    with pytest.raises(ValueError, match=r"init='random' compares.*than backbone"):
        make_segmenter(init='random').fit(scene_pixels())


def test_memory_is_bounded(passes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    # 48 x 48 pixels are 9 tokens of 192 numbers.
    monkeypatch.setattr(kept_features, 'MOST_BYTES', 4 * 9 * 192 * 4)
    make_segmenter(max_steps=1).fit(scene_pixels())
    assert passes == [4]


def test_task_goes_on(scene: Path, tmp_path: Path, passes: list[int]) -> None:
    def fit(steps: int, ckpt_path: str | None = None) -> str:
        torch.manual_seed(0)
        task = KTextures(
            num_classes=2,
            features=['color', 'backbone'],
            backbone=NETWORK,
            backbone_weights=False,
            backbone_upsampling='shifted',
            backbone_args={'depth': 1},
            init_patches=8,
        )
        task.draws = False
        data = RasterDataModule(str(scene), patch_size=48, batch_size=4, length=64)
        trainer = make_trainer('cpu', max_steps=steps)
        trainer.fit(task, datamodule=data, ckpt_path=ckpt_path)
        path = str(tmp_path / f'{steps}.ckpt')
        trainer.save_checkpoint(path)
        return path

    fit(4, fit(2))
    loaded = KTextures.load_from_checkpoint(tmp_path / '4.ckpt', weights_only=True)
    assert loaded.fitted
    assert loaded.hparams['backbone_args'] == {'depth': 1}
    assert sum(passes) <= 2 * 8 + 4  # the loaded one looks at an image of zeros, too


def test_command(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = timm.create_model(NETWORK, pretrained=False, num_classes=0)
    save_file(network.state_dict(), tmp_path / 'vit.safetensors')
    made, model = tmp_path / 'map.tif', tmp_path / 'model.ckpt'
    options = ['--backbone', NETWORK, '--steps', '2', '--n-clusters', '2']
    weights = ['--backbone-weights', str(tmp_path / 'vit.safetensors')]
    command = ['segment', str(scene), '--output', str(made), *options]
    main([*command, *weights, '--save-checkpoint', str(model)])
    with rasterio.open(made) as found:
        assert set(found.read(1).flat) == {0, 1, 255}
    capsys.readouterr()
    for more, message in {
        ('--checkpoint', str(model)): 'backbone=vit_tiny_patch16_224 does not fit',
        ('--backbone-weights', 'lost.pt'): "weights file 'lost.pt' does not exist",
    }.items():
        with pytest.raises(SystemExit):
            main([*command, *more, '--output', str(tmp_path / 'other.tif')])
        assert message in capsys.readouterr().err
