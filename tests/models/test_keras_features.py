# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from torchgeo_ktextures.models import KerasFeatures
from torchgeo_ktextures.models.extractors.keras import _import_keras

keras = _import_keras()


@pytest.fixture
def model() -> Any:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((32, 32, 4))
    x = keras.layers.Conv2D(6, 3, padding='same', activation='relu', name='one')(inputs)
    x = keras.layers.BatchNormalization(name='norm')(x)
    x = keras.layers.MaxPooling2D(name='pool')(x)
    x = keras.layers.Conv2D(5, 3, strides=2, padding='same', name='two')(x)
    outputs = keras.layers.GlobalAveragePooling2D(name='mean')(x)
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize('suffix', ['h5', 'hdf5', 'keras'])
def test_equals_keras(tmp_path: Path, model: Any, suffix: str) -> None:
    path = str(tmp_path / f'model.{suffix}')
    model.save(path)
    features = KerasFeatures(path, layer=['one', 'two'])
    assert features.channels == {'keras_one': 6, 'keras_two': 5}
    x = torch.randn(2, 4, 32, 32, requires_grad=True)
    found = features(x)
    assert found['keras_two'].shape == (2, 5, 8, 8)
    for name in ('one', 'two'):
        part = keras.Model(model.inputs, model.get_layer(name).output)
        last = x.detach().movedim(1, -1).clone().requires_grad_()
        expected = part(last, training=False)
        assert torch.allclose(
            found[f'keras_{name}'], expected.movedim(-1, 1), atol=1e-6
        )
        x.grad = None
        found[f'keras_{name}'].square().sum().backward(retain_graph=True)
        expected.square().sum().backward()
        assert x.grad is not None
        assert last.grad is not None
        assert x.grad.abs().max() > 0
        assert torch.allclose(x.grad, last.grad.movedim(-1, 1), atol=1e-5)
    # of any size, though the file fixes one
    assert features(torch.randn(1, 4, 48, 40))['keras_one'].shape == (1, 6, 48, 40)


def test_bands_and_scale(tmp_path: Path, model: Any) -> None:
    path = str(tmp_path / 'model.keras')
    model.save(path)
    swapped = KerasFeatures(path, 'one', bands=[3, 2, 1, 0], mean=0.5, std=2)
    plain = KerasFeatures(path, 'one')
    x = torch.randn(1, 4, 32, 32)
    expected = plain(x.flip(1) * 2 + 0.5)['keras_one']
    assert torch.allclose(swapped(x)['keras_one'], expected)
    with pytest.raises(ValueError, match='takes 4 channels, but bands has 3'):
        KerasFeatures(path, 'one', bands=[0, 1, 2])


def test_bad_layers(tmp_path: Path, model: Any) -> None:
    path = str(tmp_path / 'model.keras')
    model.save(path)
    with pytest.raises(ValueError, match=r"no layer 'three'.*one, norm, pool, two"):
        KerasFeatures(path, 'three')
    with pytest.raises(ValueError, match=r"'mean'.*not a feature map"):
        KerasFeatures(path, 'mean')


@pytest.mark.parametrize('suffix', ['h5', 'keras'])
def test_code_is_not_run(tmp_path: Path, suffix: str) -> None:
    inputs = keras.Input((8, 8, 4))
    outputs = keras.layers.Lambda(lambda x: x * 2, name='code')(inputs)
    path = str(tmp_path / f'model.{suffix}')
    keras.Model(inputs, outputs).save(path)
    with pytest.raises(ValueError, match='has code in it, which is never run'):
        KerasFeatures(path, 'code')


@pytest.mark.parametrize('suffix', ['h5', 'keras'])
def test_bad_files(tmp_path: Path, model: Any, suffix: str) -> None:
    path = tmp_path / f'model.{suffix}'
    with pytest.raises(FileNotFoundError, match=r'does not exist.*zenodo'):
        KerasFeatures(str(path), 'one')
    model.save(str(path))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ValueError, match='cannot be read.*truncated'):
        KerasFeatures(str(path), 'one')
    other = tmp_path / 'model.pth'
    np.save(other.open('wb'), np.zeros(1))
    with pytest.raises(ValueError, match='does not end with .keras'):
        KerasFeatures(str(other), 'one')


def test_extra_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'h5py', None)
    with pytest.raises(ImportError, match=r'torchgeo-ktextures\[keras\]'):
        KerasFeatures('model.keras', 'one')


def test_other_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, 'backend', lambda: 'jax')
    with pytest.raises(ImportError, match='runs on jax.*KERAS_BACKEND'):
        KerasFeatures('model.keras', 'one')
