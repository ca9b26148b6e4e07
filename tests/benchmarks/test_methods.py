# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import mode
from sklearn.metrics import adjusted_rand_score

import torchgeo_ktextures
from benchmarks.methods.deep_features import random_crops
from benchmarks.methods.feature_clustering import continuity
from benchmarks.methods.kmeans import PixelKMeans
from benchmarks.methods.majority import majority_filter
from benchmarks.methods.method import standardize
from benchmarks.methods.registry import METHODS, make_method
from benchmarks.sets import valid_pixels
from torchgeo_ktextures.models import VGG16Features

from .labelled import labelled_image

#: Methods that need nothing else; fewer steps where there are many.
CHANGES = {'kim2020': '@max_steps=25,channels=16,learning_rate=0.3'}
NOT_HERE = ('ktextures', 'ktextures-paper', 'kmeans-vgg16', 'kmeans-backbone')
PEERS = [name for name in METHODS if name not in NOT_HERE]


@pytest.mark.parametrize('name', PEERS)
def test_peers_find_classes_that_differ_in_colour(name: str) -> None:
    pairs = [labelled_image(i) for i in range(2)]
    images = [image.astype(np.float32) / 10000 for image, _ in pairs]
    images[0][:, :6, :9] = np.nan
    images[1][1, 40, 40] = np.inf
    method = make_method(name + CHANGES.get(name, ''))
    json.dumps(method.settings)
    assert method.unavailable() is None
    maps = method.fit_predict(images, 3, seed=1)
    found, true = [], []
    for labels, image, (_, mask) in zip(maps, images, pairs, strict=True):
        valid = valid_pixels(image)
        assert labels.shape == mask.shape
        assert np.issubdtype(labels.dtype, np.integer)
        assert (labels[~valid] == -1).all()
        assert labels[valid].min() >= 0
        assert labels.max() < 3
        found.append(labels[valid])
        true.append(mask[valid])
    score = adjusted_rand_score(np.concatenate(true), np.concatenate(found))
    # What looks at windows is wrong at the many edges of so small an image.
    assert score > 0.3
    again = method.fit_predict(images, 3, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(maps, again, strict=True))


@pytest.fixture(scope='module')
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of VGG-16."""
    network = VGG16Features([(0, 1, 2)]).network
    state = {f'features.{name}': v for name, v in network.state_dict().items()}
    path = tmp_path_factory.mktemp('weights') / 'vgg.pt'
    torch.save(state, path)
    return path


@pytest.mark.parametrize('name', ['kmeans-vgg16', 'ktextures-paper@max_steps=2'])
def test_vgg16_is_left_out_without_weights(weights: Path, name: str) -> None:
    reason = make_method(name).unavailable()
    assert reason is not None
    assert '--weights' in reason
    method = make_method(name, str(weights))
    assert method.unavailable() is None
    assert str(weights.parent) not in json.dumps(method.settings)
    image = labelled_image(0)[0].astype(np.float32) / 10000
    (labels,) = method.fit_predict([image], 3, seed=0)
    assert set(np.unique(labels)) <= {0, 1, 2}


def test_majority_filter_is_the_mode() -> None:
    labels = np.random.default_rng(0).integers(0, 3, (20, 20))
    labels[:, 4] = -1
    filtered = majority_filter(labels, 3, 5)
    assert (filtered[:, 4] == -1).all()
    for row, column in ((10, 10), (0, 0), (7, 5), (19, 12)):
        window = labels[
            max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3
        ].ravel()
        counts = np.bincount(window[window >= 0], minlength=3)
        assert counts[filtered[row, column]] == counts.max()
    everywhere = mode(labels, axis=None).mode
    assert majority_filter(labels[:, :4], 3, 41)[0, 0] in (everywhere, *range(3))


def test_restarts_and_samples_are_settings() -> None:
    method = make_method('kmeans@n_init=2,max_samples=50')
    assert method.settings == {'n_init': 2, 'max_samples': 50}
    assert method == PixelKMeans(2, 50)


def test_standardize_ignores_invalid_pixels() -> None:
    image = np.random.default_rng(0).normal(3, 2, (2, 9, 9)).astype(np.float32)
    image[0, 0] = np.nan
    valid = valid_pixels(image)
    (result,) = standardize([image], [valid])
    assert result[:, valid].mean() == pytest.approx(0, abs=1e-5)
    assert result[:, valid].std(1) == pytest.approx(1, abs=1e-5)
    assert (result[:, ~valid] == 0).all()


def test_continuity_is_the_mean_difference_of_valid_neighbours() -> None:
    responses = torch.zeros(1, 4, 3, 3)
    responses[..., 2] = 1
    valid = torch.ones(1, 3, 3, dtype=torch.bool)
    assert continuity(responses, valid) == pytest.approx(0.5)
    valid[..., 2] = False
    assert continuity(responses, valid) == 0


def test_crops_are_bounded_and_of_every_image() -> None:
    batches = [(torch.zeros(1, 3, 200, 90), torch.ones(1, 1, 200, 90))] * 5
    crops = random_crops(batches, 5 * 80 * 80, seed=0)
    assert [x.shape[-2:] for x, _ in crops] == [(80, 80)] * 5
    assert random_crops(batches, 10**9, seed=0)[0][0].shape == (1, 3, 200, 90)


class FakeSegmenter:
    """The estimator's interface."""

    def __init__(
        self, n_clusters: int = 8, random_state: int = 0, **kwargs: object
    ) -> None:
        self.parameters = {'mask_stride': 4, 'device': 'auto'} | kwargs
        self.n_clusters, self.random_state = n_clusters, random_state

    def get_params(self) -> dict[str, object]:
        own = {'n_clusters': self.n_clusters, 'random_state': self.random_state}
        return own | self.parameters

    def fit_predict(self, images: list[np.ndarray]) -> list[np.ndarray]:
        value = self.n_clusters - 1 + self.random_state
        return [np.full(image.shape[1:], value) for image in images]


def test_ktextures_by_the_estimator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        torchgeo_ktextures, 'KTexturesSegmenter', FakeSegmenter, raising=False
    )
    method = make_method('ktextures@mask_stride=2,device=cpu')
    assert method.unavailable() is None
    assert method.settings == {
        'mask_stride': 2,
        'device': 'cpu',
        'code': method.settings['code'],
    }
    assert make_method('ktextures').settings['mask_stride'] == 4
    (labels,) = method.fit_predict([np.zeros((4, 5, 6), np.float32)], 3, seed=7)
    assert labels.shape == (5, 6)
    assert (labels == 9).all()
    with pytest.raises(ValueError, match="no setting 'depth', use one of n_clusters"):
        make_method('ktextures@depth=1')
