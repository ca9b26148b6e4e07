# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import json
from pathlib import Path

import numpy as np
import pytest
import timm
from safetensors.torch import save_file

from benchmarks import backbones
from benchmarks.methods.registry import make_method

from .labelled import labelled_image

NETWORK = 'vit_tiny_patch16_224'


@pytest.fixture(scope='module')
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp('weights') / 'vit.safetensors'
    network = timm.create_model(NETWORK, pretrained=False, num_classes=0)
    save_file(network.state_dict(), path)
    return str(path)


@pytest.mark.parametrize('method', ['kmeans-backbone', 'ktextures'])
def test_methods(weights: str, method: str) -> None:
    more = ',max_steps=2,patch_size=64' if method == 'ktextures' else ''
    name = f'{method}@backbone={NETWORK},backbone_weights={weights}{more}'
    made = make_method(name)
    assert made.unavailable() is None
    settings = json.dumps(made.settings)
    assert f'"backbone": "{NETWORK}"' in settings
    assert '"backbone_weights": "vit.safetensors"' in settings
    image = labelled_image(0)[0].astype(np.float32) / 10000
    image[:, :5] = np.nan
    (labels,) = made.fit_predict([image], 3, seed=0)
    assert set(np.unique(labels)) == {-1, 0, 1, 2}
    reason = make_method('kmeans-backbone').unavailable()
    assert reason is not None
    assert 'it needs weights of dinov2' in reason


def test_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / 'page.md'
    page.write_text(f'before\n{backbones.BEGIN}\nold\n{backbones.END}\nafter\n')
    backbones.main(['--only', 'vit_tiny_patch16_dinov3*', '--write', str(page)])
    lines = page.read_text().splitlines()
    assert lines[0] == 'before'
    assert lines[-1] == 'after'
    assert lines[4] == (
        '|  | `vit_tiny_patch16_dinov3_qkvb.` `eupe_lvd1689m` | red, green, blue | 16 '
        '| 192 | fair-noncommercial-research-license |'
    )
    assert len(lines) == 7
