# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Ways to a map from a number of clicks."""

import warnings
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.semi_supervised import LabelSpreading

from torchgeo_ktextures.points.blend import PointBlend
from torchgeo_ktextures.points.candidates import edge_distance
from torchgeo_ktextures.points.settings import INTERIOR, STEP

from .click_scene import ClickScene, Codes, Floats, Pixels

#: Number of pixels that k-means and label spreading see, at most.
_SEEN = 5000

#: From an image, a number of clicks and a seed to classes of the scored pixels.
type ClickMethod = Callable[[ClickScene, int, int], Codes]


def ours(scene: ClickScene, pixels: Pixels, seed: int) -> Codes:
    """What the tool makes of clicks."""
    classes, codes = np.unique(scene.answer(pixels), return_inverse=True)
    if len(classes) < 2:
        return np.full(len(scene.scored), classes[0])
    places = scene.places
    grid = np.column_stack([pixels[:, 0], pixels[:, 1:] // STEP])
    blend = PointBlend(places.layout, seed)
    blend.fit(places.vectors(grid), codes, places.unnamed)
    return classes[places.classify(blend.predict_log_proba)]


def suggested(scene: ClickScene, count: int, seed: int) -> Codes:
    """The tool with the clicks that it suggests."""
    return ours(scene, scene.suggester.suggest(count, seed=seed).points, seed)


def random(scene: ClickScene, count: int, seed: int) -> Codes:
    """The tool with random clicks."""
    return ours(scene, scene.random(count, seed), seed)


def _forest(scene: ClickScene, maps: list[Floats], pixels: Pixels, seed: int) -> Codes:
    forest = RandomForestClassifier(random_state=seed)
    forest.fit(scene.at(maps, pixels), scene.answer(pixels))
    found: Codes = forest.predict(scene.at(maps, scene.scored))
    return found


def forest_pixels(scene: ClickScene, count: int, seed: int) -> Codes:
    """A forest on bands."""
    return _forest(scene, scene.bands, scene.random(count, seed), seed)


def forest_context(scene: ClickScene, count: int, seed: int) -> Codes:
    """A forest on context."""
    return _forest(scene, scene.context, scene.random(count, seed), seed)


def _kmeans(vectors: Floats, count: int, seed: int) -> KMeans:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', ConvergenceWarning)
        return KMeans(min(count, len(vectors)), n_init=1, random_state=seed).fit(
            vectors
        )


def forest_stratified(scene: ClickScene, count: int, seed: int) -> Codes:
    """A forest on context, with one random click in each stratum of k-means."""
    some = scene.random(max(_SEEN, count), seed)
    vectors = scene.at(scene.context, some)
    _, first = np.unique(_kmeans(vectors, count, seed).labels_, return_index=True)
    return _forest(scene, scene.context, some[first], seed)


def kmeans_named(scene: ClickScene, count: int, seed: int) -> Codes:
    """Clusters of k-means on bands, each named by its most interior labelled pixel."""
    kmeans = _kmeans(scene.at(scene.bands, scene.random(_SEEN, seed)), count, seed)
    best = np.full(len(kmeans.cluster_centers_), -1.0)
    names = np.zeros(len(best), np.int64)
    maps: list[npt.NDArray[np.int64]] = []
    for i, (image, valid) in enumerate(zip(scene.bands, scene.valids, strict=True)):
        labels = kmeans.predict(image.reshape(len(image), -1).T.copy())
        labels = np.where(valid, labels.reshape(valid.shape), -1).astype(np.int64)
        depth = edge_distance(torch.from_numpy(labels)[None], INTERIOR)[0].numpy()
        depth[~scene.labelled[i]] = -1
        maps.append(labels)
        for cluster in np.unique(labels[scene.labelled[i]]):
            place = np.where(labels == cluster, depth, -1).argmax()
            if depth.flat[place] > best[cluster]:
                best[cluster] = depth.flat[place]
                names[cluster] = scene.task.masks[i].flat[place]
    found: Codes = names[scene.at(maps, scene.scored)]
    return found


def label_spreading(scene: ClickScene, count: int, seed: int) -> Codes:
    """Classes that spread from random clicks over neighbours in context."""
    pixels = scene.random(_SEEN, seed)
    classes, codes = np.unique(scene.answer(pixels[:count]), return_inverse=True)
    labels = np.full(len(pixels), -1)
    labels[:count] = codes
    vectors = scene.at(scene.context, pixels)
    scale = vectors.std(0).clip(min=1e-6)
    model = LabelSpreading(kernel='knn', n_neighbors=7, max_iter=100)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of pixels that nothing reaches
        model.fit(vectors / scale, labels)
        found = model.predict(scene.at(scene.context, scene.scored) / scale)
    spread: Codes = classes[np.nan_to_num(found).astype(np.int64)]
    return spread


#: Methods by name, in the order of tables.
CLICK_METHODS: dict[str, ClickMethod] = {
    'ktextures, suggested': suggested,
    'ktextures, random': random,
    'forest on context, random': forest_context,
    'forest on context, k-means strata': forest_stratified,
    'forest on pixels, random': forest_pixels,
    'k-means, one click per cluster': kmeans_named,
    'label spreading, random': label_spreading,
}
