# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""From points of images to what tells their classes."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ..datasets.sample import Sample
from .cluster_maps import ClusterMaps
from .features import draw_places, fit_features
from .network import PointNetwork
from .places import as_pixels, check_valid
from .reading import draw_batches, feature_inputs, validity, windows_in, windows_of
from .settings import STEP

if TYPE_CHECKING:
    from ..estimator import KTexturesSegmenter


def fit_network(
    segmenter: 'KTexturesSegmenter',
    images: Any,
    points: Any,
    codes: npt.NDArray[np.int64],
    seed: int,
    maps: ClusterMaps | None = None,
) -> PointNetwork:
    """Learn the classes of points.

    Args:
        segmenter: Fitted estimator.
        images: Images, as the estimator takes them.
        points: Image, row and column of each point, of shape ``(N, 3)``, or a
            GeoDataFrame.
        codes: Numbers of their classes, of shape ``(N,)``.
        seed: Seed of everything that is random.
        maps: Maps that tell the clusters of places (defaults to the segmenter). Of the
            segmenter, only the statistics of bands and features count then.

    Returns:
        What tells the classes of a tile.

    Raises:
        FileNotFoundError: If a path does not exist.
        TypeError: If points are of another form.
        ValueError: If a point is outside of the images or in nodata, or the images do
            not fit the segmenter.
    """
    inputs = feature_inputs(segmenter, images)
    inputs.data.setup('predict')
    pixels = as_pixels(points, inputs)
    check_valid(pixels, inputs)
    scenes = windows_in(inputs).files

    def clusters(batch: Sample) -> tuple[Tensor, ...]:
        return () if maps is None else (maps.shares(batch, scenes),)

    batches = draw_batches(segmenter, images)
    patches = [(batch['image'], validity(batch)) for batch in batches]
    count = None if maps is None else len(maps.codes)
    features = fit_features(segmenter.task_, patches, seed, count)
    vectors = np.empty((len(pixels), features.channels), np.float32)
    for window in windows_of(inputs, pixels):
        found = features(window.image, window.valid, *clusters(window.batch))[0].numpy()
        vectors[window.numbers] = found[:, window.rows // STEP, window.cols // STEP].T
    seen = ((*patch, *clusters(b)) for patch, b in zip(patches, batches, strict=True))
    places = draw_places(features, seen, seed)
    return PointNetwork(features, vectors, codes, places, seed, maps).eval()
