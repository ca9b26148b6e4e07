# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""A few extreme pixels do not decide about the others."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.errors import DataWarning
from torchgeo_ktextures.outliers import band_limits, robust_moments

from .four_regions import agreement, four_regions

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ('values', 'far'),
    [
        (RNG.normal(0, 1, 10_000), []),
        (np.r_[RNG.normal(0, 1, 10_000), 1e6], [1e6]),
        (np.r_[RNG.normal(0, 1, 10_000), [-9999] * 9], [-9999] * 9),
        (np.r_[RNG.normal(0, 1, 9_400), [9.97e36] * 600], [9.97e36] * 600),
        # Coast: few bright pixels, but something lies between them and the sea.
        (np.r_[RNG.normal(0.02, 0.003, 9600), RNG.gamma(3, 0.05, 400) + 0.02], []),
        (RNG.gamma(2, 1, 10_000), []),
        (RNG.poisson(2, 10_000).astype(float), []),
        (np.r_[np.zeros(9000), RNG.random(1000)], []),
        (np.zeros(100), []),
        (np.array([3.0]), []),
    ],
)
def test_limits(values: Any, far: list[float]) -> None:
    (low,), (high,) = band_limits(values[:, None])
    assert values[(values < low) | (values > high)].tolist() == far
    mean, std = robust_moments(values[:, None])
    kept = values[(values >= low) & (values <= high)]
    assert mean == pytest.approx(kept.mean())
    assert std == pytest.approx(kept.std() or 1)


def one(bands: Any) -> Any:
    bands[:, 7, 7] = 1e6
    return np.s_[7:8, 7:8]


def nine(bands: Any) -> Any:
    bands[:, 50:53, 20:23] = -9999
    return np.s_[50:53, 20:23]


def saturated_clouds(bands: Any) -> Any:
    bands[:, 10:27, 60:77] = 6.5535
    return np.s_[10:27, 60:77]


def hot_pixels(bands: Any) -> Any:
    places = np.random.default_rng(0).integers(0, 96, (6, 2)).T
    bands[:, places[0], places[1]] = 1e4
    return tuple(places)


@pytest.fixture(scope='module')
def fitted() -> KTexturesSegmenter:
    """Fitted to the scene without outliers."""
    segmenter = KTexturesSegmenter(4, max_steps=5, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter('error', DataWarning)
        return segmenter.fit(four_regions()[0])


@pytest.mark.parametrize('spoil', [one, nine, saturated_clouds, hot_pixels])
def test_rest_is_as_without_them(
    spoil: Callable[[Any], Any], fitted: KTexturesSegmenter
) -> None:
    bands, truth = four_regions()
    before = agreement(truth, fitted.labels_)
    assert before > 0.9
    segmenter = clone(fitted)
    odd = np.zeros(truth.shape, bool)
    odd[spoil(bands)] = True
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always', DataWarning)
        labels = segmenter.fit_predict(bands)
    assert agreement(truth, labels, ~odd) > before - 0.03
    texts = [str(w.message) for w in caught if w.category is DataWarning]
    assert len(texts) == (odd.mean() > 1e-4)
    if texts:
        value = bands[0][odd][0]
        assert f'--nodata {value:.9g}' in texts[0]
        assert f'{odd.mean():.3%} of the pixels' in texts[0]
        # Told so, they are left out of the map.
        labels = segmenter.set_params(nodata=float(value)).fit_predict(bands)
        assert ((labels < 0) == odd).all()


def test_checkpoint_meets_outliers(tmp_path: Any, fitted: KTexturesSegmenter) -> None:
    bands, truth = four_regions()
    fitted.save(tmp_path / 'model.ckpt')
    odd = np.zeros(truth.shape, bool)
    odd[nine(bands)] = True
    labels: Any = KTexturesSegmenter.load(tmp_path / 'model.ckpt').predict(bands)
    changed = labels != fitted.labels_
    # Nothing but the cells around them.
    assert not changed[(np.indices(truth.shape)[0] < 40)].any()
    assert changed[~odd].mean() < 0.01


def test_predict_tells_of_other_units(fitted: KTexturesSegmenter) -> None:
    bands, _ = four_regions()
    with warnings.catch_warnings():
        warnings.simplefilter('error', DataWarning)
        fitted.predict(bands)
    with pytest.warns(DataWarning, match='image 0: .*scale=10000 would bring'):
        fitted.predict(bands * 10_000)
