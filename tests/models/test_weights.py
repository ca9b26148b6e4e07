# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path

import pytest
import torch
import torchgeo.models
from safetensors.torch import save_file
from torchgeo.models import ResNet18_Weights

from torchgeo_ktextures.models import (
    PlanetFeatures,
    PlanetFeatures_Weights,
    VGG16Features,
    get_model,
    get_weight,
    list_models,
    make_extractors,
    planet_features,
)
from torchgeo_ktextures.models.weights import read_checked

WEIGHTS = PlanetFeatures_Weights.MULTISENSOR_RGBN_VGG16


def test_shipped_weights() -> None:
    model = planet_features(True)
    path = Path(WEIGHTS.url.removeprefix('file://'))
    assert path.stat().st_size <= 2_000_000
    assert sum(p.numel() for p in model.parameters()) <= 1_000_000
    for weights in ('true', WEIGHTS):
        again = planet_features(weights)
        assert all(
            torch.equal(a, b)
            for a, b in zip(
                model.state_dict().values(), again.state_dict().values(), strict=True
            )
        )
    meta = WEIGHTS.meta
    assert meta['bands'] == ('red', 'green', 'blue', 'nir')
    assert meta['in_chans'] == 4
    assert 'Planet' not in str(meta['imagery'])
    for key in ('dataset', 'model', 'publication', 'repo', 'license', 'teacher'):
        assert meta[key]


def test_loads_offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError('nothing has to be fetched')

    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr('socket.socket', refuse)
    monkeypatch.setattr('torch.hub.urlopen', refuse)
    planet_features(True)
    assert not list(tmp_path.iterdir())


def test_outputs_and_gradients() -> None:
    model = planet_features(WEIGHTS).eval()
    x = torch.randn(2, 4, 64, 48, requires_grad=True)
    found = model(x)
    shapes = {name: tuple(value.shape[1:]) for name, value in found.items()}
    assert shapes == {
        'planet_stride2': (24, 32, 24),
        'planet_stride4': (64, 16, 12),
        'planet_stride8': (96, 8, 6),
    }
    found['planet_stride8'].square().sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum((0, 2, 3)).min() > 0
    # the fourth band matters
    other = x.detach().clone()
    other[:, 3] = other[:, 3].flip(-1)
    assert not torch.allclose(model(other)['planet_stride4'], found['planet_stride4'])


def test_numbers_of_bands() -> None:
    model = planet_features(True).eval()
    x = torch.randn(1, 5, 32, 32)
    assert torch.equal(model(x)['planet_stride4'], model(x[:, :4])['planet_stride4'])
    rgb = model(x[:, :3])['planet_stride4']
    assert rgb.shape == (1, 64, 8, 8)
    with pytest.raises(ValueError, match='2 bands are too few for PlanetFeatures'):
        model(x[:, :2])


def test_transforms() -> None:
    image = torch.rand(4, 16, 16) * 3000 + 200
    normal = WEIGHTS.transforms(image)
    assert normal.mean((1, 2)).abs().max() < 1e-4
    assert (normal.std((1, 2)) - 1).abs().max() < 0.01


def test_damaged_file(tmp_path: Path) -> None:
    original = Path(WEIGHTS.url.removeprefix('file://'))
    copy = tmp_path / original.name
    content = bytearray(original.read_bytes())
    content[-1] ^= 1
    copy.write_bytes(content)
    with pytest.raises(ValueError, match='damaged; install the package again'):
        read_checked(copy)
    with pytest.raises(FileNotFoundError, match='install the package again'):
        read_checked(tmp_path / 'nothing-00000000.safetensors')


def test_other_weights(tmp_path: Path) -> None:
    path = tmp_path / 'other.safetensors'
    save_file({'stages.0.0.conv.weight': torch.zeros(1)}, path)
    with pytest.raises(ValueError, match=r'do not fit PlanetFeatures: .*stages.0.0'):
        planet_features(str(path))
    path.write_bytes(path.read_bytes()[:10])
    with pytest.raises(ValueError, match='truncated'):
        planet_features(str(path))
    code = tmp_path / 'code.pth'
    torch.save({'model.heads.0.weight': Path('.')}, code)
    with pytest.raises(ValueError, match='code in files is never run'):
        planet_features(str(code))
    with pytest.raises(FileNotFoundError, match='nowhere.pth'):
        planet_features('nowhere.pth')


def test_look_ups() -> None:
    assert list_models()[0] == 'planet_features'
    assert 'resnet18' in list_models()
    assert isinstance(get_model('planet_features', weights=True), PlanetFeatures)
    assert get_model('resnet18').get_parameter('conv1.weight').shape[1] == 3
    assert get_weight(str(WEIGHTS)) is WEIGHTS
    name = 'ResNet18_Weights.SENTINEL2_ALL_MOCO'
    assert get_weight(name) is ResNet18_Weights.SENTINEL2_ALL_MOCO
    with pytest.raises(ValueError, match=r"'Foo' are unknown.*MULTISENSOR_RGBN_VGG16"):
        get_weight('Foo')
    with pytest.raises(ValueError, match="'foo' is unknown"):
        get_model('foo')


def test_torchgeo_finds_ours() -> None:
    assert torchgeo.models.get_weight(str(WEIGHTS)) is WEIGHTS
    assert isinstance(torchgeo.models.get_model('planet_features'), PlanetFeatures)


def test_nothing_breaks_when_torchgeo_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchgeo_ktextures.models.api import register_with_torchgeo

    monkeypatch.delattr(torchgeo.models.api, '_model')
    monkeypatch.setattr(torchgeo.models.api, '_model_weights', None)
    register_with_torchgeo()
    monkeypatch.delattr(torchgeo.models, 'api')
    register_with_torchgeo()


def test_which_weights_are_for_which_extractor(tmp_path: Path) -> None:
    network = VGG16Features([(0, 1, 2)], ['relu1_2']).network
    vgg = tmp_path / 'vgg.pth'
    torch.save({f'features.{n}': v for n, v in network.state_dict().items()}, vgg)
    own = tmp_path / 'own.pth'
    torch.save({f'model.{n}': v for n, v in PlanetFeatures().state_dict().items()}, own)
    names = ['color', 'planet_stride4', 'vgg16_relu1_2']
    shipped = planet_features(True).get_parameter('heads.0.weight')
    _, planet, teacher = make_extractors(names, 4, str(vgg))
    assert torch.equal(planet.get_parameter('heads.0.weight'), shipped)
    weight = network.get_parameter('0.weight')
    assert torch.equal(teacher.get_parameter('network.0.weight'), weight)
    _, planet, teacher = make_extractors(names, 4, str(own))
    assert not torch.equal(planet.get_parameter('heads.0.weight'), shipped)
    with pytest.raises(ValueError, match='do not fit PlanetFeatures'):
        make_extractors(['planet_stride4'], 4, str(vgg))
