# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path
from urllib.error import URLError

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn
from torchgeo.models import ResNet18_Weights

from torchgeo_ktextures.models import BackboneFeatures, make_extractors
from torchgeo_ktextures.models.backbones import load_backbone


def test_layers_of_timm() -> None:
    network = load_backbone('resnet18', None, 4)
    features = BackboneFeatures(network, ['layer1', 'layer2.0'], (3, 0, 1, -1))
    assert features.channels == {'backbone_layer1': 64, 'backbone_layer2.0': 128}
    x = torch.randn(2, 5, 48, 40, requires_grad=True)
    found = features(x)
    assert found['backbone_layer1'].shape == (2, 64, 12, 10)
    assert found['backbone_layer2.0'].shape == (2, 128, 6, 5)
    found['backbone_layer2.0'].square().sum().backward()
    assert x.grad is not None
    assert [bool(g.any()) for g in x.grad.movedim(1, 0)] == [
        True,
        True,
        False,
        True,
        False,
    ]


def test_own_normalization() -> None:
    network = nn.Sequential(nn.Identity(), nn.Conv2d(3, 3, 1))
    features = BackboneFeatures(
        network, ['0'], (2, 1, 0), mean=[1, 2, 3], std=[10.0, 20.0, 30.0]
    )
    found = features(torch.ones(1, 4, 8, 8))['backbone_0']
    assert found[0, :, 0, 0].tolist() == [11, 22, 33]


def test_by_name_with_local_weights(tmp_path: Path) -> None:
    state = timm.create_model('resnet18', in_chans=3, num_classes=0).state_dict()
    path = tmp_path / 'resnet.safetensors'
    save_file(state, path)
    *_, features = make_extractors(
        ['color', 'backbone_layer1'], 4, backbone='resnet18', backbone_weights=str(path)
    )
    assert isinstance(features, BackboneFeatures)
    assert torch.equal(
        features.network.get_parameter('conv1.weight'), state['conv1.weight']
    )
    with pytest.raises(ValueError, match='do not fit resnet34'):
        load_backbone('resnet34', str(path), 3)


def test_weights_of_torchgeo(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = ResNet18_Weights.SENTINEL2_RGB_MOCO
    state = timm.create_model('resnet18', in_chans=3).state_dict()
    monkeypatch.setattr(type(weights), 'get_state_dict', lambda *a, **k: state)
    network = load_backbone('resnet18', str(weights), 3)
    assert torch.equal(network.get_parameter('conv1.weight'), state['conv1.weight'])


@pytest.mark.parametrize('weights', [True, 'ResNet18_Weights.SENTINEL2_RGB_MOCO'])
def test_no_network(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, weights: bool | str
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise URLError('no route')

    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr('torch.hub.urlopen', refuse)
    monkeypatch.setattr('timm.create_model', refuse)
    cache = 'HF_HOME' if weights is True else f'{tmp_path}.*checkpoints'
    message = f'resnet18 cannot be downloaded.*path.*cache.*{cache}'
    with pytest.raises(ConnectionError, match=message):
        load_backbone('resnet18', weights, 3)
    assert not [path for path in tmp_path.rglob('*') if path.is_file()]


def test_bad_names() -> None:
    with pytest.raises(ValueError, match="'resnet0' is not a model of timm"):
        load_backbone('resnet0', None, 3)
    with pytest.raises(ValueError, match="'None_Weights.X' are unknown here"):
        load_backbone('resnet18', 'None_Weights.X', 3)
    network = load_backbone('resnet18', None, 3)
    with pytest.raises(ValueError, match=r"'stem' is not in ResNet.*conv1, bn1"):
        BackboneFeatures(network, ['stem'])
    with pytest.raises(ValueError, match='global_pool does not put out a feature map'):
        BackboneFeatures(network, ['global_pool'])
    with pytest.raises(ValueError, match='does not take images of 4 channels'):
        BackboneFeatures(network, ['layer1'], (0, 1, 2, 3))
    with pytest.raises(ValueError, match='mean has 2 numbers for 3 channels'):
        BackboneFeatures(network, ['layer1'], mean=[1, 2])
    with pytest.raises(ValueError, match='backbone_layer1 needs a backbone'):
        make_extractors(['backbone_layer1'], 4)
