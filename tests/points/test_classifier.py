# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import torch
from sklearn.base import clone
from sklearn.utils import estimator_checks

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.inference import GeoTIFFWriter, predict_tiles
from torchgeo_ktextures.points import PointClassifier

from ..test_estimator import CHECKS
from .conftest import Scene


@pytest.mark.parametrize('name', CHECKS)
def test_scikit_learn(name: str) -> None:
    classifier = PointClassifier()
    getattr(estimator_checks, name)(type(classifier).__name__, classifier)


def test_one_point_of_each_class(known: Scene) -> None:
    classifier = known.classifier
    assert classifier.classes_.tolist() == [0, 1, 2, 3]
    assert classifier.n_features_in_ == 4
    found = classifier.predict(known.image)
    valid = np.isfinite(known.image[0])
    assert (found[~valid] == -1).all()
    assert (found == known.truth)[valid].mean() > 0.97
    shares = np.asarray(classifier.predict_proba(known.image))
    assert shares.shape == (120, 130, 4)
    assert np.isnan(shares[~valid]).all()
    np.testing.assert_allclose(shares[valid].sum(-1), 1, atol=1e-5)
    assert (shares[valid].argmax(-1) == found[valid]).mean() > 0.999


def test_two_images_and_names(known: Scene) -> None:
    names = np.array(['water', 'forest', 'soil', 'town'])
    points = known.points.copy()
    points[2:, 0] = 1
    classifier = clone(known.classifier).set_params(segmenter=known.segmenter)
    images = [known.image, known.image[:, 50:]]
    points[2:, 1] -= 50
    one, two = classifier.fit(images, points, names).predict(images)
    assert one.shape == (120, 130)
    assert two.shape == (70, 130)
    assert one[35, 25] == ''
    assert classifier.classes_.tolist() == sorted(names)
    assert (two[20:] == names[known.truth[70:]]).mean() > 0.9


@pytest.mark.parametrize('stride', [1, 8, 16])
@pytest.mark.parametrize('noise', [0.1, 3.0])
def test_mask_strides(stride: int, noise: float) -> None:
    rng = np.random.default_rng(0)
    image = noise * rng.normal(size=(4, 100, 118))
    image[:, :, 50:] += np.array([0, 1, 0, 2])[:, None, None]
    segmenter = KTexturesSegmenter(
        3, mask_stride=stride, max_steps=5, patch_size=64, random_state=0, device='cpu'
    )
    segmenter.fit_model(image)
    points = segmenter.suggest_points(image, 6)
    classifier = PointClassifier(segmenter, random_state=0, device='cpu')
    found = classifier.fit(image, points, points[:, 2] >= 50).predict(image)
    truth = np.arange(118) >= 50
    assert (found == truth).mean() > 0.9


def test_segmenter_that_is_not_fitted(known: Scene) -> None:
    segmenter = KTexturesSegmenter(3, max_steps=2, device='cpu')
    classifier = PointClassifier(segmenter, random_state=0, device='cpu')
    classifier.fit(known.image, known.points[:2], ['a', 'b'])
    assert classifier.segmenter_.n_clusters == 3
    assert not hasattr(segmenter, 'task_')


def test_many_points_choose_whom_to_trust(known: Scene) -> None:
    rng = np.random.default_rng(0)
    rows, cols = np.nonzero(np.isfinite(known.image[0]))
    some = rng.permutation(len(rows))[:80]
    points = np.column_stack([some * 0, rows[some], cols[some]])
    classifier = PointClassifier(known.segmenter, random_state=0, device='cpu')
    classifier.fit(known.image, points, known.truth[rows[some], cols[some]])
    found = classifier.predict(known.image)
    assert (found == known.truth)[rows, cols].mean() > 0.97


@pytest.mark.parametrize(
    ('points', 'classes', 'message'),
    [
        ([[0, 1, 1], [0, 2, 2]], ['a', 'a'], 'points are all of class a; give points'),
        ([[0, 1, 1], [0, 2, 200]], ['a', 'b'], 'outside of image 0 of 120 x 130 pix'),
        ([[0, 1, 1], [1, 2, 2]], ['a', 'b'], 'point 1 is in image 1, but there are 1'),
        ([[0, 1, 1], [0, 35, 25]], ['a', 'b'], 'point 1 at row 35.*is in nodata; move'),
        ([[0, 1, 1], [0, 2, 2]], ['a'], 'there are 2 points, but classes'),
    ],
)
def test_points_that_do_not_fit(
    known: Scene, points: Any, classes: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        PointClassifier(known.segmenter).fit(known.image, np.array(points), classes)


def test_points_that_are_no_pixels(known: Scene) -> None:
    with pytest.raises(TypeError, match='give whole numbers of shape'):
        PointClassifier(known.segmenter).fit(known.image, np.ones((2, 2)), ['a', 'b'])


def test_points_with_coordinates(known: Scene) -> None:
    with rasterio.open(known.path) as src:
        x, y = src.xy(known.points[:, 1], known.points[:, 2])
        crs = src.crs
    places = gpd.GeoDataFrame(geometry=gpd.points_from_xy(x, y), crs=crs).to_crs(4326)
    classifier = PointClassifier(known.segmenter, random_state=0, device='cpu')
    names = known.classifier.model_.codes.numpy()
    classifier.fit(str(known.path), places, names)
    assert torch.equal(classifier.model_.points, known.classifier.model_.points)
    with pytest.raises(TypeError, match='points have coordinates, but images are arr'):
        classifier.fit(known.image, places, names)
    with pytest.raises(ValueError, match='4 of 4 points are outside of all images'):
        classifier.fit(str(known.path), places.translate(1), names)
    with pytest.raises(ValueError, match='no coordinate reference system; set it'):
        classifier.fit(
            str(known.path), places.set_crs(None, allow_override=True), names
        )


def test_map_of_tiles(known: Scene, tmp_path: Path) -> None:
    """Tiles, however large, give the same map, on disk as in memory."""
    classifier = known.classifier
    large = np.tile(known.image, (1, 3, 3))
    whole = classifier.predict(large)
    path = tmp_path / 'large.tif'
    with rasterio.open(known.path) as src:
        profile = src.profile | {'height': large.shape[1], 'width': large.shape[2]}
    with rasterio.open(path, 'w', **profile) as dst:
        dst.write(large)
    inputs = known.segmenter.inputs_of([str(path)], predict_tile_size=256)
    predict_tiles(classifier.model_, inputs.data, GeoTIFFWriter(str(tmp_path)), 'cpu')
    with rasterio.open(tmp_path / 'large_labels.tif') as src:
        labels = src.read(1)
    assert (labels[whole < 0] == 255).all()
    assert (labels == np.where(whole < 0, 255, whole)).mean() > 0.9999


def test_save(known: Scene, tmp_path: Path) -> None:
    path = tmp_path / 'points.ckpt'
    known.classifier.save(path)
    loaded = PointClassifier.load(path)
    assert loaded.classes_.tolist() == known.classifier.classes_.tolist()
    found = loaded.predict(known.image)
    np.testing.assert_array_equal(found, known.classifier.predict(known.image))
    KTexturesSegmenter.load(path)
    known.segmenter.save(path)
    with pytest.raises(ValueError, match='holds a segmenter but no classifier'):
        PointClassifier.load(path)
    with pytest.raises(FileNotFoundError, match='does not exist'):
        PointClassifier.load(tmp_path / 'none.ckpt')
