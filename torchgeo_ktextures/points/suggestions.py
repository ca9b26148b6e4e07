# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Where to label, so that few labels tell the most."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.utils.validation import check_is_fitted

from ..clustering import FeatureClusters
from ..datamodules.inputs import Inputs
from ..inference import predict_tiles
from ..tasks.initialization import measure_cells
from .candidates import (
    CLASS,
    CLUSTER,
    CONFIDENCE,
    DOUBT,
    MOMENTS,
    CandidateSink,
    CellNetwork,
)
from .clusters import SceneClusters
from .features import PlaceFeatures
from .places import as_pixels, check_valid
from .reading import draw_patches, feature_inputs, windows_in, windows_of
from .settings import CLUSTER_SHARE, MOST_MIXTURES

if TYPE_CHECKING:
    from ..estimator import KTexturesSegmenter

type _Points = npt.NDArray[np.int64]
type _Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Suggestions:
    """Places to label, best first."""

    #: Image, row and column of each, of shape ``(N, 3)``.
    points: npt.NDArray[np.int64]
    #: Class of the segmenter, of shape ``(N,)``.
    cluster: npt.NDArray[np.int64]
    #: Probability of this class, from 0 to 1, of shape ``(N,)``.
    confidence: npt.NDArray[np.float64]
    #: Why it is suggested: as the typical place of a 'cluster', or for its 'doubt'.
    reason: list[str]


def suggest_points(
    segmenter: 'KTexturesSegmenter',
    images: Any,
    count: int,
    points: Any = None,
    *,
    within: Any = None,
) -> Suggestions:
    """Suggest places to label.

    The scene is split into about as many clusters as there are to be points. Of each
    cluster, the place is taken that is most typical of it and well inside; large and
    doubtful clusters come first. Where there are to be many points, half of them are
    places where it is in doubt which cluster they belong to, unlike all others so far.
    No place is in nodata or at the edge of a region.

    Args:
        segmenter: Fitted estimator.
        images: Images, as the estimator takes them.
        count: Number of places.
        points: Points that have a label already, image, row and column of shape
            ``(N, 3)``, or a GeoDataFrame if images are rasters: their clusters are left
            out.
        within: Where places may be: an array of shape ``(H, W)`` that is true there, or
            one for each image (defaults to anywhere).

    Returns:
        Places, fewer than asked for if there are no more.

    Raises:
        FileNotFoundError: If a path does not exist.
        TypeError: If points are of another form.
        ValueError: If *count* is not positive, a point is outside of the images or in
            nodata, or the images do not fit the segmenter.
    """
    return Suggester(segmenter, images, within).suggest(count, points)


class Suggester:
    """Suggests places in images, again and again, of which all is measured once."""

    def __init__(
        self, segmenter: 'KTexturesSegmenter', images: Any, within: Any = None
    ) -> None:
        """Initialize a new Suggester instance.

        Args:
            segmenter: Fitted estimator.
            images: Images, as the estimator takes them.
            within: Where places may be, see :func:`suggest_points`.

        Raises:
            FileNotFoundError: If a path does not exist.
            ValueError: If the images do not fit the segmenter, or masks the images.
        """
        check_is_fitted(segmenter, 'task_')
        self.device = segmenter.device
        seed = segmenter.random_state
        self.seed = int(seed) if isinstance(seed, int | np.integer) else 0
        self.inputs = feature_inputs(segmenter, images)
        self.inputs.data.setup('predict')
        self.masks = None if within is None else _masks(within, self.inputs)
        self.features = PlaceFeatures(segmenter.task_, ()).eval()
        batches = draw_patches(segmenter, images)
        prepared = [self.features.prepare(*batch) for batch in batches]
        #: Mixtures that were found, by their number and seed.
        self.found: dict[tuple[int, int], FeatureClusters] = {}
        self.sample = measure_cells(self.features.criterion, prepared)

    def suggest(
        self, count: int, points: Any = None, seed: int | None = None
    ) -> Suggestions:
        """Suggest places.

        Args:
            count: Number of places.
            points: Points that have a label already, see :func:`suggest_points`.
            seed: Seed of the clusters (defaults to that of the segmenter).

        Returns:
            Places, fewer than asked for if there are no more.

        Raises:
            TypeError: If points are of another form.
            ValueError: If *count* is not positive, or a point is outside of the images
                or in nodata.
        """
        if count < 1:
            raise ValueError(f'count={count} must be at least 1')
        seed = self.seed if seed is None else seed
        given = np.empty((0, 3), np.int64)
        if points is not None:
            given = as_pixels(points, self.inputs)
            check_valid(given, self.inputs)
        total = count + len(given)
        wanted = max(min(total, MOST_MIXTURES), round(CLUSTER_SHARE * total))
        network = CellNetwork(self.features, self._find(wanted, seed)).eval()
        known = _cells_at(network, self.inputs, given)
        clusters = network.clusters
        stride = clusters.classes.prior.mask_stride
        sink = CandidateSink(len(clusters.sizes), stride, seed, self.masks)
        predict_tiles(network, self.inputs.data, sink, self.device)
        return _choose(sink, clusters, known, given, count)

    def _find(self, wanted: int, seed: int) -> SceneClusters:
        """Find clusters, fewer where there are not enough different cells."""
        while True:
            clusters = SceneClusters(self.features.criterion, wanted)
            key = clusters.num_mixtures, seed
            try:
                clusters.fit(self.sample, seed, self.found.get(key))
            except ValueError:
                if wanted <= 2:
                    raise
                wanted = max(2, min(wanted, MOST_MIXTURES) // 2)
            else:
                self.found[key] = clusters.classes
                return clusters


def _cells_at(network: CellNetwork, inputs: Inputs, points: _Points) -> _Floats:
    """What is known of the cells of points, of shape ``(N, F)``."""
    stride = network.clusters.classes.prior.mask_stride
    channels = MOMENTS + network.clusters.classes.prior.moments.channels
    known = np.empty((len(points), channels), np.float32)
    for window in windows_of(inputs, points):
        with torch.inference_mode():
            cells = network(window.image, window.valid)[0].numpy()
        rows, cols = window.rows // stride, window.cols // stride
        known[window.numbers] = cells[:, rows, cols].T
    return known


def _masks(within: Any, inputs: Inputs) -> list[npt.NDArray[np.bool_]]:
    """Masks of all images, checked."""
    shapes = windows_in(inputs).shapes
    single = isinstance(within, np.ndarray) and within.ndim == 2
    masks = [np.asarray(mask) > 0 for mask in ([within] if single else within)]
    if [mask.shape for mask in masks] != list(map(tuple, shapes)):
        msg = f'within is of shape {[mask.shape for mask in masks]}, but images are of '
        raise ValueError(
            f'{msg}height and width {list(shapes)}; give one mask for each'
        )
    return masks


def _choose(
    sink: CandidateSink,
    clusters: SceneClusters,
    known: _Floats,
    given: _Points,
    count: int,
) -> Suggestions:
    """Choose places of clusters, then places in doubt."""
    taken = set(known[:, CLUSTER].astype(int).tolist())
    order = [
        int(c)
        for c in np.argsort(-sink.weights, kind='stable')
        if sink.known[c] is not None and int(c) not in taken
    ][:count]
    places = [sink.places[c] for c in order]
    cells = [sink.known[c] for c in order]
    reasons = ['cluster'] * len(order)
    others = sink.known_others
    if len(order) < count and others is not None and len(others):
        seen = np.concatenate([known, np.array(cells).reshape(-1, known.shape[1])])
        scale = clusters.scale.numpy()
        free = sink.others
        used = np.concatenate([given, np.array(places, np.int64).reshape(-1, 3)])
        new = ~(free[:, None] == used[None]).all(-1).any(1)
        free, others = free[new], others[new]
        vectors = (others[:, MOMENTS:] / scale).astype(np.float64)
        gap = np.full(len(others), np.inf)
        for moments in seen[:, MOMENTS:] / scale:
            gap = np.minimum(gap, np.square(vectors - moments).sum(1))
        while len(places) < count and len(others):
            # Places that are not in doubt at all count a little if they are unlike all.
            best = int(np.argmax(np.sqrt(gap) * (others[:, DOUBT] + 0.05)))
            if not gap[best] > 0:
                break
            places.append(free[best])
            cells.append(others[best])
            reasons.append('doubt')
            gap = np.minimum(gap, np.square(vectors - vectors[best]).sum(1))
    rows = np.array(cells, np.float64).reshape(-1, known.shape[1])
    return Suggestions(
        np.array(places, np.int64).reshape(-1, 3),
        rows[:, CLASS].astype(np.int64),
        rows[:, CONFIDENCE],
        reasons,
    )
