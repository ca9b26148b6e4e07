# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Where to label a map of clusters: typical places inside of regions, best first."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.io import DatasetReader
from rasterio.windows import Window
from scipy.ndimage import distance_transform_edt, uniform_filter

from .places import Places
from .reading import damage_named, nodata_of, read_part
from .scenes import Scene

type _Floats = npt.NDArray[np.float64]
type _Integers = npt.NDArray[np.int64]

#: Largest height and width at which places are looked for, in pixels. They are moved to
#: the middle of regions in pixels of the map.
_SIZE = 2048

#: Places that may be chosen in each cluster, and pixels that they are to stand for.
_CANDIDATES, _PIXELS = 500, 1000

#: How deep places are inside of regions: deeper than so much of the interior of their
#: cluster. The first place of a cluster, which names it, is one of the deepest: with one
#: place for each of 15 clusters of eight labelled images, mean IoU was 0.543 at 0.5,
#: 0.570 at 0.97 and 0.563 at 1, and 0.97 was best without any one of the images too.
_DEEP, _DEEPEST = 0.5, 0.97

#: Weight of the position of a place, beside its colour. Colour decides where it differs;
#: where it does not, places spread.
_POSITION = 0.5

#: Pixels between two places, at least.
_APART = 2.0


def suggest_typical(
    src: DatasetReader,
    count: int,
    scene: Scene | None = None,
    confidence: DatasetReader | None = None,
    given: tuple[_Integers, _Integers] | None = None,
    seed: int = 0,
) -> Places:
    """Suggest places to label.

    Each pixel of a cluster is stood for by the labelled place of the cluster that is
    most like it in colour and position. The place that lowers the sum of squared
    distances most comes next, so that large and varied clusters come before others.
    Clusters without a place come first of all. So the first place of a cluster is a
    typical one, and the next ones are what it does not stand for (greedy k-medoids).
    The first place of a cluster is among its deepest inside of regions, the others are
    deeper than half of its interior, and none is at an edge.

    References:
        * https://doi.org/10.1007/BF01588971 (Nemhauser et al., 1978)

    Args:
        src: Open map of clusters.
        count: Number of places.
        scene: Scene on the same grid; without it, position alone counts.
        confidence: Open raster of the confidence in percent: doubtful pixels count
            more.
        given: Rows and columns of places that have a label already.
        seed: Seed.

    Returns:
        Places with their ``cluster`` and, if there is a raster of it, ``confidence``;
        fewer than *count* where there is no more interior.
    """
    rng = np.random.default_rng(seed)
    clusters = _clusters(src, scene, confidence, rng)
    factor = max(1.0, max(src.shape) / _SIZE)
    rows, cols = given or (np.empty(0, np.int64), np.empty(0, np.int64))
    for row, col in zip(rows, cols, strict=True):
        code = int(read_part(src, Window(col, row, 1, 1))[0, 0])
        for cluster in clusters:
            if cluster.code == code:
                cluster.label_nearest(row / factor, col / factor)
    taken = [*zip(rows.tolist(), cols.tolist(), strict=True)]
    found: list[tuple[int, int, int]] = []
    # Far from each other first, nearer where there are no more places.
    spacing = (src.height * src.width / (count + len(taken))) ** 0.5
    apart = max(spacing / 4, _APART)
    while len(found) < count and apart >= _APART:
        left = list(clusters)
        while left and len(found) < count:
            cluster = max(left, key=lambda c: (c.labelled == 0, c.best_gain))
            place = cluster.take()
            if place is None:
                left.remove(cluster)
                continue
            row, col = _deepest(src, scene, place, cluster.code, factor)
            near = any(np.hypot(row - r, col - c) < apart for r, c in taken)
            if row >= 0 and not near:
                cluster.label_last()
                taken.append((row, col))
                found.append((row, col, cluster.code))
        apart /= 2
        for cluster in clusters:
            cluster.release()
    table = np.array(found, np.int64).reshape(-1, 3)
    columns = {'cluster': table[:, 2]}
    if confidence is not None:
        columns['confidence'] = np.array(
            [int(read_part(confidence, Window(c, r, 1, 1))[0, 0]) for r, c, _ in found],
            np.int64,
        )
    return Places(table[:, 0], table[:, 1], columns)


@dataclass
class _Cluster:
    """Places of a cluster that may be chosen, and pixels that they are to stand for."""

    code: int
    #: Rows and columns on the grid of the search, of shape ``(M, 2)``.
    places: _Floats
    #: Which of them may be the first, of shape ``(M,)``.
    firsts: npt.NDArray[np.bool_]
    #: Squared distances of places and pixels, of shape ``(M, P)``.
    distances: npt.NDArray[np.float32]
    #: Area that each pixel stands for, of shape ``(P,)``.
    weights: npt.NDArray[np.float32]
    #: Distance of each pixel to what stands for it so far.
    nearest: npt.NDArray[np.float32]
    labelled: int = 0

    def __post_init__(self) -> None:
        self.free = np.ones(len(self.places), bool)
        self.last = 0
        self._update()

    def _update(self) -> None:
        gains = (self.nearest - self.distances).clip(0) @ self.weights
        usable = self.free if self.labelled else self.free & self.firsts
        self.gains = np.where(usable, gains, -1)

    @property
    def best_gain(self) -> float:
        """How much the next place lowers the sum."""
        return float(self.gains.max())

    def take(self) -> _Floats | None:
        """Take the next place, which counts only once it is labelled."""
        self.last = int(self.gains.argmax())
        if self.gains[self.last] < 0:
            return None
        self.free[self.last] = False
        self.gains[self.last] = -1
        place: _Floats = self.places[self.last]
        return place

    def release(self) -> None:
        """Offer all places again."""
        self.free[:] = True
        self._update()

    def label_last(self) -> None:
        """Count the last place as labelled."""
        self.nearest = np.minimum(self.nearest, self.distances[self.last])
        self.labelled += 1
        self._update()

    def label_nearest(self, row: float, col: float) -> None:
        """Count the place that is nearest to another as labelled."""
        away = ((self.places - (row, col)) ** 2).sum(1)
        self.last = int(away.argmin())
        self.label_last()


def _clusters(
    src: DatasetReader,
    scene: Scene | None,
    confidence: DatasetReader | None,
    rng: np.random.Generator,
) -> list[_Cluster]:
    """All clusters that have an interior."""
    factor = max(1.0, max(src.shape) / _SIZE)
    height, width = (max(1, round(n / factor)) for n in src.shape)
    with damage_named(src):
        labels = src.read(1, out_shape=(height, width)).astype(np.int64)
    labels[labels == nodata_of(src)] = -1
    features = np.zeros((2, height, width), np.float32)
    features[0] = _POSITION * _standard(np.arange(height))[:, None]
    features[1] = _POSITION * _standard(np.arange(width))
    if scene is not None:
        bands, valid = scene.overview((height, width))
        labels[~valid] = -1
        colors = [_color(band, valid) for band in bands]
        features = np.concatenate([features, np.stack(colors)])
    doubt = np.ones((height, width), np.float32)
    if confidence is not None:
        with damage_named(confidence):
            sure = confidence.read(1, out_shape=(height, width))
        doubt = 1 - 0.9 * np.minimum(sure, 100).astype(np.float32) / 100
    depth = _depth(labels)
    spread = float(features[:, labels >= 0].var(axis=1).sum())
    found = []
    for code in np.unique(labels[labels >= 0]).tolist():
        inside = labels == code
        # Not at the edge: all neighbours are of the same cluster.
        deep = inside & (depth >= 1)
        if not deep.any():
            continue
        least, most = np.quantile(depth[deep], [_DEEP, _DEEPEST])
        deepest, others = deep & (depth >= most), deep & (depth >= least)
        firsts = _draw(deepest, _CANDIDATES // 2, rng)
        places = np.concatenate([firsts, _draw(others, _CANDIDATES // 2, rng)])
        pixels = _draw(inside, _PIXELS, rng)
        a, b = (features[:, p[:, 0], p[:, 1]].T for p in (places, pixels))
        distances = ((a[:, None] - b) ** 2).sum(-1)
        weights = doubt[pixels[:, 0], pixels[:, 1]] * (inside.sum() / len(pixels))
        # Nothing stands for them: as far as any two pixels of the scene.
        nearest = np.full(len(pixels), 2 * spread, np.float32)
        found.append(
            _Cluster(
                code,
                places.astype(float),
                np.arange(len(places)) < len(firsts),
                distances,
                weights.astype(np.float32),
                nearest,
            )
        )
    return found


def _standard(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    spread = float(values.std()) or 1
    return np.asarray((values - float(values.mean())) / spread, np.float32)


def _color(
    band: npt.NDArray[Any], valid: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    """Mean of 3 x 3 pixels of a band, standardized without its extreme pixels."""
    values = band.astype(np.float32)
    if not valid.any():
        return values * 0
    low, high = np.percentile(values[valid], [1, 99])
    values = np.where(valid, values.clip(low, high), values[valid].mean())
    values = uniform_filter(values, 3)
    spread = float(values[valid].std()) or 1
    return np.asarray((values - float(values[valid].mean())) / spread, np.float32)


def _depth(labels: npt.NDArray[np.int64]) -> _Floats:
    """Distance of each pixel to the nearest one of another region, or of none."""
    wide = np.pad(labels, 1, constant_values=-2)
    edge = np.ones(wide.shape, bool)
    middle = wide[1:-1, 1:-1]
    edge[1:-1, 1:-1] = (
        (middle != wide[:-2, 1:-1])
        | (middle != wide[2:, 1:-1])
        | (middle != wide[1:-1, :-2])
        | (middle != wide[1:-1, 2:])
    )
    depth: _Floats = distance_transform_edt(~edge)[1:-1, 1:-1]
    return depth


def _draw(
    mask: npt.NDArray[np.bool_], most: int, rng: np.random.Generator
) -> _Integers:
    """Rows and columns of some pixels, of shape ``(N, 2)``."""
    flat = np.flatnonzero(mask)
    if len(flat) > most:
        flat = rng.choice(flat, most, replace=False)
    return np.stack(np.unravel_index(flat, mask.shape), 1)


def _deepest(
    src: DatasetReader,
    scene: Scene | None,
    place: _Floats,
    code: int,
    factor: float,
) -> tuple[int, int]:
    """Deepest pixel of a cluster near a place of the search; -1, -1 if there is none."""
    reach = int(np.ceil(factor))
    row, col = (int((v + 0.5) * factor) for v in place)
    # As wide again around: how deep pixels are depends on what is near.
    top, left = max(row - 2 * reach - 2, 0), max(col - 2 * reach - 2, 0)
    bottom = min(row + 2 * reach + 3, src.height)
    right = min(col + 2 * reach + 3, src.width)
    window = Window(left, top, right - left, bottom - top)
    labels = read_part(src, window).astype(np.int64)
    inside = labels == code
    if scene is not None:
        inside &= scene.read(window)[1]
    depth = _depth(np.where(inside, 0, -1))
    rows, cols = np.mgrid[top:bottom, left:right]
    near = (abs(rows - row) < reach) & (abs(cols - col) < reach)
    depth = np.where(near & inside, depth, 0)
    if depth.max() < 1:
        return -1, -1
    best = np.unravel_index(depth.argmax(), depth.shape)
    return int(rows[best]), int(cols[best])
