# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from tests.four_regions import four_regions
from tests.rasters import write_raster
from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.points import PointClassifier


class Scene(NamedTuple):
    image: npt.NDArray[np.float32]
    truth: npt.NDArray[np.int64]
    segmenter: KTexturesSegmenter
    #: One point in each region.
    points: npt.NDArray[np.int64]
    #: Fitted to these.
    classifier: PointClassifier
    path: Path


@pytest.fixture(scope='session')
def known(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    image, truth = four_regions(120, 130)
    image[:, 30:40, 20:31] = np.nan
    segmenter = KTexturesSegmenter(4, max_steps=10, random_state=0, device='cpu')
    segmenter.fit_model(image)
    points = np.array([[0, 20, 50], [0, 30, 100], [0, 90, 30], [0, 100, 90]])
    names = truth[points[:, 1], points[:, 2]]
    classifier = PointClassifier(segmenter, random_state=0, device='cpu')
    classifier.fit(image, points, names)
    path = tmp_path_factory.mktemp('points') / 'scene.tif'
    write_raster(path, image, nodata=np.nan, names=['red', 'green', 'blue', 'nir'])
    return Scene(image, truth, segmenter, points, classifier, path)
