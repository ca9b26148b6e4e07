# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import numpy as np
import pytest
import torch

from torchgeo_ktextures.points import PointClassifier, suggest_points
from torchgeo_ktextures.points.candidates import edge_distance

from .conftest import Scene


def test_one_place_in_each_region(known: Scene) -> None:
    found = suggest_points(known.segmenter, known.image, 4)
    assert found.points.shape == (4, 3)
    assert found.reason == ['cluster'] * 4
    regions = known.truth[found.points[:, 1], found.points[:, 2]]
    assert sorted(regions.tolist()) == [0, 1, 2, 3]
    assert sorted(found.cluster.tolist()) == [0, 1, 2, 3]
    assert (found.confidence > 0.5).all()
    assert (found.confidence <= 1).all()
    again = known.segmenter.suggest_points(known.image, 4)
    np.testing.assert_array_equal(again, found.points)


def test_many_places(known: Scene) -> None:
    found = suggest_points(known.segmenter, known.image, 60)
    assert 30 < len(found.points) <= 60
    assert len(np.unique(found.points, axis=0)) == len(found.points)
    assert found.reason == sorted(found.reason)  # those of clusters come first
    assert 'doubt' in found.reason
    labels = np.asarray(known.segmenter.predict(known.image))
    for (_, row, col), cluster in zip(found.points, found.cluster, strict=True):
        around = labels[row - 1 : row + 2, col - 1 : col + 2]
        assert (around == cluster).all()  # no edge, no nodata


def test_places_beside_points_that_are_there(known: Scene) -> None:
    found = suggest_points(known.segmenter, known.image, 3, known.points[:2])
    assert len(found.points) == 3
    new = known.truth[found.points[:2, 1], found.points[:2, 2]]
    assert set(new.tolist()) <= {2, 3} or 'doubt' in found.reason
    with pytest.raises(ValueError, match='is in nodata'):
        suggest_points(known.segmenter, known.image, 3, np.array([[0, 35, 25]]))


def test_places_within(known: Scene) -> None:
    within = np.zeros(known.truth.shape, bool)
    within[70:] = True
    found = suggest_points(known.segmenter, known.image, 6, within=within)
    assert (found.points[:, 1] >= 70).all()
    with pytest.raises(ValueError, match='give one mask for each'):
        suggest_points(known.segmenter, known.image, 6, within=within[1:])
    none = suggest_points(known.segmenter, known.image, 6, within=~within & within)
    assert none.points.shape == (0, 3)
    assert none.reason == []
    with pytest.raises(ValueError, match='count=0 must be at least 1'):
        suggest_points(known.segmenter, known.image, 0)


def test_scene_of_few_cells(known: Scene) -> None:
    small = known.image[:, 48:72, 53:77]
    found = suggest_points(known.segmenter, small, 30)
    assert 4 <= len(found.points) <= 30
    points = found.points[:4]
    names = known.truth[48 + points[:, 1], 53 + points[:, 2]]
    classifier = PointClassifier(known.segmenter, random_state=0, device='cpu')
    assert classifier.fit(small, points, names).predict(small).shape == (24, 24)


def test_edge_distance() -> None:
    labels = torch.zeros(1, 9, 9)
    labels[:, :, 6:] = 1
    depth = edge_distance(labels, 6)[0]
    assert depth[4].tolist() == [0, 1, 2, 2, 1, 0, 0, 1, 0]
