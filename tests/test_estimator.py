# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_checks

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.inference import label_images
from torchgeo_ktextures.models import make_extractors

from .rasters import scene_pixels, write_raster

#: Checks of scikit-learn that do not hand over a table of samples: those that do are for
#: estimators of rows and columns, while images have shape (C, H, W).
CHECKS = (
    'check_estimator_cloneable',
    'check_estimator_tags_renamed',
    'check_valid_tag_types',
    'check_estimator_repr',
    'check_no_attributes_set_in_init',
    'check_parameters_default_constructible',
    'check_get_params_invariance',
    'check_set_params',
    'check_mixin_order',
)


def make(**kwargs: Any) -> KTexturesSegmenter:
    defaults = {'max_steps': 3, 'random_state': 0, 'device': 'cpu', 'patch_size': 32}
    return KTexturesSegmenter(2, **(defaults | kwargs))


@pytest.fixture(scope='module')
def image() -> np.ndarray[Any, Any]:
    data = scene_pixels()
    data[:, :5, :9] = np.nan
    return data


@pytest.fixture(scope='module')
def fitted(image: np.ndarray[Any, Any]) -> KTexturesSegmenter:
    return make().fit(image)


@pytest.mark.parametrize('name', CHECKS)
def test_scikit_learn(name: str) -> None:
    estimator = KTexturesSegmenter()
    getattr(estimator_checks, name)(type(estimator).__name__, estimator)


def test_check_estimator() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # that tables are not for it
        estimator_checks.check_estimator(KTexturesSegmenter())


def test_attributes(fitted: KTexturesSegmenter, image: np.ndarray[Any, Any]) -> None:
    assert fitted.labels_.shape == image.shape[1:]
    assert fitted.labels_.dtype == np.int64
    assert ((fitted.labels_ == -1) == np.isnan(image[0])).all()
    assert set(np.unique(fitted.labels_)) <= {-1, 0, 1}
    assert fitted.n_iter_ == 1  # colour tells the classes
    assert np.isfinite(fitted.loss_)
    assert fitted.textures_.shape == (2, 4, 64, 64)
    assert fitted.cluster_centers_.shape == (2, 4)
    # in the units of the input
    assert 500 < fitted.cluster_centers_.mean() < 3000
    assert 500 < fitted.textures_.mean() < 3000
    assert fitted.n_features_in_ == 4


def test_extractors_stay_as_they_are(fitted: KTexturesSegmenter) -> None:
    extractors = fitted.task_.criterion.similarity.extractors
    assert not any(module.training for module in extractors.modules())
    fresh = make_extractors(fitted.features, 4)
    for own, shipped in zip(extractors, fresh, strict=True):
        for name, value in shipped.state_dict().items():
            assert torch.equal(own.state_dict()[name], value), name


def test_same_seed(fitted: KTexturesSegmenter, image: np.ndarray[Any, Any]) -> None:
    state = torch.get_rng_state()
    again = clone(fitted).fit(image)
    assert (again.labels_ == fitted.labels_).all()
    # nobody else's random numbers change
    assert (torch.get_rng_state() == state).all()
    generator = np.random.RandomState(0)
    assert make(random_state=generator).fit_predict(image).shape == image.shape[1:]


def test_kinds_of_images(
    fitted: KTexturesSegmenter, image: np.ndarray[Any, Any], tmp_path: Path
) -> None:
    xarray = pytest.importorskip('xarray')
    expected = fitted.predict(image)
    path = write_raster(tmp_path / 'image.tif', image)
    masked = np.ma.masked_invalid(image)
    filled = xarray.DataArray(np.nan_to_num(image, nan=-9), dims=('band', 'y', 'x'))
    filled.attrs['_FillValue'] = -9
    for same in (torch.from_numpy(image), masked, filled, path, str(path)):
        assert (fitted.predict(same) == expected).all()
    both = fitted.predict([image, image[:, :40]])
    assert [labels.shape for labels in both] == [(75, 101), (40, 101)]
    stack: Any = fitted.predict(np.stack([image, image]))
    assert len(stack) == 2
    assert (stack[1] == expected).all()
    assert (fitted.predict([path])[0] == expected).all()
    assert make().fit_predict(path).shape == (75, 101)


def test_large_images_have_no_seams(fitted: KTexturesSegmenter) -> None:
    large = scene_pixels(300, 280)
    whole: Any = fitted.predict(large)
    data = fitted.inputs_of(large, predict_tile_size=64).data
    tiled = label_images(fitted.task_.model, data, 'cpu').labels[0]
    assert (whole == tiled).mean() > 0.9999


def test_save_and_load(
    fitted: KTexturesSegmenter, image: np.ndarray[Any, Any], tmp_path: Path
) -> None:
    fitted.save(tmp_path / 'model.ckpt')
    loaded = KTexturesSegmenter.load(tmp_path / 'model.ckpt')
    assert loaded.get_params() == fitted.get_params()
    assert (loaded.predict(image) == fitted.labels_).all()
    assert (loaded.textures_ == fitted.textures_).all()
    assert loaded.loss_ == fitted.loss_
    content = torch.load(tmp_path / 'model.ckpt', weights_only=True)
    assert 'state_dict' in content  # nothing that runs code
    assert (pickle.loads(pickle.dumps(fitted)).predict(image) == fitted.labels_).all()
    with pytest.raises(FileNotFoundError, match='nowhere'):
        KTexturesSegmenter.load(tmp_path / 'nowhere.ckpt')
    torch.save({'weights': torch.zeros(3)}, tmp_path / 'other.ckpt')
    with pytest.raises(ValueError, match='other.ckpt is not a checkpoint'):
        KTexturesSegmenter.load(tmp_path / 'other.ckpt')
    (tmp_path / 'evil.ckpt').write_bytes(pickle.dumps({'x': Path('a')}))
    with pytest.raises(ValueError, match='evil.ckpt is not a checkpoint'):
        KTexturesSegmenter.load(tmp_path / 'evil.ckpt')


def test_bad_input(fitted: KTexturesSegmenter, image: np.ndarray[Any, Any]) -> None:
    with pytest.raises(NotFittedError):
        make().predict(image)
    with pytest.raises(ValueError, match='3 features.*expecting 4'):
        fitted.predict(image[:3])
    with pytest.raises(ValueError, match=r'shape \(75, 101\)'):
        make().fit(image[0])
    with pytest.raises(ValueError, match=r'different numbers of bands \(\[3, 4\]\)'):
        make().fit([image, image[:3]])
    with pytest.raises(ValueError, match='n_clusters=0'):
        make().set_params(n_clusters=0).fit(image)
    with pytest.raises(ValueError, match='no pixel is valid'):
        make().fit(np.full_like(image, np.nan))
    with pytest.raises(ValueError, match='constant'):
        make().fit(np.ones_like(image))
    with pytest.raises(TypeError, match='mixes paths and arrays'):
        make().fit([image, 'scene.tif'])
    with pytest.raises(ValueError, match="device='nothing'"):
        make(device='nothing').fit(image)
    with pytest.raises(ValueError, match='images is empty'):
        make().fit([])


def test_only_what_is_random_depends_on_the_seed() -> None:
    image = np.random.default_rng(0).normal(size=(4, 64, 64))  # nothing to agree on
    means = {}
    for init in ('mixture', 'kmeans'):
        for i, seed in enumerate((0, 0, 1)):
            estimator = KTexturesSegmenter(4, max_steps=1, random_state=seed, init=init)
            mixture = estimator.fit(image).task_.initialization.mixture
            own = mixture.gaussians.mean if init == 'mixture' else mixture.prototypes
            means[init, i] = own
    for init in ('mixture', 'kmeans'):
        assert torch.equal(means[init, 0], means[init, 1])
    assert torch.equal(means['mixture', 0], means['mixture', 2])
    assert not torch.allclose(means['kmeans', 0], means['kmeans', 2])


def test_n_init_makes_whole_fits() -> None:
    image = np.random.default_rng(0).normal(size=(4, 48, 48))
    one = KTexturesSegmenter(2, max_steps=3, random_state=0).fit(image)
    three = KTexturesSegmenter(2, max_steps=3, n_init=3, random_state=0).fit(image)
    assert (one.n_iter_, three.n_iter_) == (3, 9)


@pytest.mark.parametrize('noise', [0.1, 3.0])
def test_classes_are_the_same_at_each_mask_stride(noise: float) -> None:
    rng = np.random.default_rng(0)
    image = noise * rng.normal(size=(4, 96, 96))
    image[:, :, 48:] += [[[0]], [[1]], [[0]], [[2]]]
    fits = [make(mask_stride=s, max_steps=1).fit(image) for s in (1, 4, 16)]
    first, *others = (fit.task_.initialization.mixture for fit in fits)
    # Where colour is mostly noise, features tell classes as well.
    assert bool(first.color_weight < 1) == (noise > 1)
    for other in others:
        for name, value in first.state_dict().items():
            assert torch.equal(value, other.state_dict()[name]), name


@pytest.mark.parametrize('seed', [1, 4, 5])
def test_many_classes(seed: int) -> None:
    # One large region and nine small ones: each small one is found all the same.
    rng = np.random.default_rng(seed)
    truth = np.zeros((96, 96), np.int64)
    for i in range(9):
        row, col = 5 + 30 * (i // 3), 5 + 30 * (i % 3)
        truth[row : row + 20, col : col + 20] = i + 1
    image = rng.normal(size=(10, 4))[truth].transpose(2, 0, 1)
    image += 0.05 * rng.normal(size=image.shape)
    estimator = KTexturesSegmenter(10, random_state=0, device='cpu').fit(image)
    labels = estimator.labels_
    names = [np.bincount(labels[truth == i]).argmax() for i in range(10)]
    assert len(set(names)) == 10
    assert (labels == np.array(names)[truth]).mean() > 0.9
    assert estimator.tree_.shape == (9, 4)


def test_as_many_classes_as_cells() -> None:
    image = np.random.default_rng(0).normal(size=(4, 16, 16))
    estimator = KTexturesSegmenter(16, patch_size=16, random_state=0, device='cpu')
    assert (estimator.fit(image).labels_ >= 0).all()
    with pytest.raises(ValueError, match='fewer than num_classes=17 different cells'):
        clone(estimator).set_params(n_clusters=17).fit(image)


@pytest.mark.parametrize('stride', [4, 8])
def test_borders_are_where_pixels_change(stride: int) -> None:
    rows, cols = np.mgrid[:96, :96]
    truth = (cols > 30 + 0.6 * rows).astype(int)
    colors = np.array([[100, 120, 80, 300], [140, 130, 110, 200]], np.float32)
    noise = np.random.default_rng(0).normal(0, 10, (4, 96, 96)).astype(np.float32)
    image = colors[truth].transpose(2, 0, 1) + noise
    labels = make(mask_stride=stride).fit_predict(image)
    wrong = min((labels == truth).sum(), (labels != truth).sum())
    # The border is 112 pixels long: without looking at pixels, 78 and more were wrong.
    assert wrong < 45
