# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from email.message import Message
from io import BytesIO
from pathlib import Path
from urllib.error import URLError
from urllib.response import addinfourl

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import VGG16_Weights

from torchgeo_ktextures.models import VGG16Features

COMPOSITES = [(0, 1, 2), (3, 0, 1)]


@pytest.fixture(scope='module')
def features() -> VGG16Features:
    return VGG16Features(COMPOSITES, ['relu2_2'])


@pytest.fixture(scope='module')
def state(features: VGG16Features) -> dict[str, torch.Tensor]:
    network = features.network
    return {f'features.{n}': v.half() for n, v in network.state_dict().items()}


def test_layers() -> None:
    features = VGG16Features(COMPOSITES)
    x = torch.randn(2, 4, 48, 40, requires_grad=True)
    outputs = features(x)
    assert outputs['vgg16_relu3_3'].shape == (2, 512, 12, 10)
    assert outputs['vgg16_relu4_3'].shape == (2, 1024, 6, 5)
    for name, value in outputs.items():
        assert value.shape[1] == features.channels[name]
        assert (value >= 0).all()
    outputs['vgg16_relu3_3'].sum().backward()
    assert x.grad is not None
    assert x.grad[:, 3].any()


@pytest.mark.parametrize('suffix', ['safetensors', 'pth'])
def test_local_weights(
    tmp_path: Path, state: dict[str, torch.Tensor], suffix: str
) -> None:
    path = tmp_path / f'vgg.{suffix}'
    if suffix == 'safetensors':
        save_file(state, path)
    else:
        torch.save(state, path)
    features = VGG16Features(COMPOSITES, ['relu2_2'], str(path))
    weight = features.network.get_parameter('0.weight')
    assert weight.dtype == torch.float32
    assert torch.equal(weight, state['features.0.weight'].float())


def test_download_goes_through_torchvision(
    monkeypatch: pytest.MonkeyPatch,
    features: VGG16Features,
    state: dict[str, torch.Tensor],
) -> None:
    asked = []

    def get_state_dict(self: VGG16_Weights, **kwargs: bool) -> dict[str, torch.Tensor]:
        asked.append((self, kwargs['check_hash'], kwargs['weights_only']))
        return state

    monkeypatch.setattr(VGG16_Weights, 'get_state_dict', get_state_dict)
    for weights in (True, 'true', VGG16_Weights.IMAGENET1K_FEATURES):
        features.load_weights(weights)
    assert asked == [(VGG16_Weights.IMAGENET1K_FEATURES, True, True)] * 3


def test_no_network(
    monkeypatch: pytest.MonkeyPatch, features: VGG16Features, tmp_path: Path
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise URLError('no route')

    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr('torch.hub.urlopen', refuse)
    with pytest.raises(ConnectionError, match='cannot be downloaded.*path as weights'):
        features.load_weights(True)
    assert not [path for path in tmp_path.rglob('*') if path.is_file()]


def test_download_that_breaks_off(
    monkeypatch: pytest.MonkeyPatch, features: VGG16Features, tmp_path: Path
) -> None:
    def respond(*args: object, **kwargs: object) -> addinfourl:
        return addinfourl(BytesIO(b'half of a file'), Message(), 'https://hub')

    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr('torch.hub.urlopen', respond)
    with pytest.raises(ConnectionError, match=f'invalid hash.*{tmp_path}'):
        features.load_weights(True)
    assert not [path for path in tmp_path.rglob('*') if path.is_file()]


def test_bad_files(
    tmp_path: Path, features: VGG16Features, state: dict[str, torch.Tensor]
) -> None:
    def load(path: Path) -> None:
        features.load_weights(str(path))

    with pytest.raises(FileNotFoundError, match='missing.pth.*does not exist'):
        load(tmp_path / 'missing.pth')

    bad = tmp_path / 'bad.safetensors'
    save_file(state | {'features.0.weight': torch.zeros(64, 4, 3, 3)}, bad)
    with pytest.raises(ValueError, match=r'features.0.weight is \(64, 4, 3, 3\)'):
        load(bad)

    save_file({'other': torch.zeros(1)}, bad)
    with pytest.raises(ValueError, match=r'features.0.weight is missing'):
        load(bad)

    for suffix in ('safetensors', 'pth'):
        whole = tmp_path / f'whole.{suffix}'
        if suffix == 'safetensors':
            save_file(state, whole)
        else:
            torch.save(state, whole)
        half = tmp_path / f'half.{suffix}'
        half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
        with pytest.raises(ValueError, match='half.*truncated'):
            load(half)

    code = tmp_path / 'code.pth'
    torch.save({'features.0.weight': Path('.')}, code)
    with pytest.raises(ValueError, match='never run'):
        load(code)

    torch.save([1, 2], code)
    with pytest.raises(TypeError, match='holds a list'):
        load(code)


def test_unknown_layer() -> None:
    with pytest.raises(ValueError, match="'relu9_9' is unknown"):
        VGG16Features(COMPOSITES, ['relu9_9'])
