# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""A labelled set that is clicked on: what is known of its pixels, and who answers."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.models import finite_pixels
from torchgeo_ktextures.points.features import PlaceFeatures, draw_places
from torchgeo_ktextures.points.reading import draw_patches
from torchgeo_ktextures.points.settings import FEATURE_CLUSTERS, STEP
from torchgeo_ktextures.points.suggestions import Suggester

from .methods.local_statistics import local_mean
from .methods.method import standardize
from .sets import Task, valid_pixels

type Floats = npt.NDArray[np.float32]
type Pixels = npt.NDArray[np.int64]
type Codes = npt.NDArray[np.int64]

#: Number of labelled pixels that maps are scored on, at most, drawn at random.
_SCORED = 50_000

#: Widths of the windows of the context of peers, in pixels.
_WINDOWS = (5, 15)


class ClickScene:
    """Images and labels of a task. Pixels are image, row and column, ``(N, 3)``."""

    def __init__(self, task: Task) -> None:
        """Initialize a new ClickScene instance.

        Args:
            task: Images and labels.
        """
        self.task = task
        self.valids = [valid_pixels(image) for image in task.images]
        #: Where there is a label, in each image.
        self.labelled = [
            valid & (mask != task.ignore_index)
            for valid, mask in zip(self.valids, task.masks, strict=True)
        ]
        self.pixels: Pixels = np.concatenate(
            [
                np.insert(np.argwhere(mask), 0, i, axis=1)
                for i, mask in enumerate(self.labelled)
            ]
        )
        rng = np.random.default_rng(0)
        keep = rng.permutation(len(self.pixels))[:_SCORED]
        self.scored = self.pixels[np.sort(keep)]
        self.truth = self.answer(self.scored)

    def answer(self, pixels: Pixels) -> Codes:
        """Say the classes of pixels."""
        masks = self.task.masks
        return np.array([masks[i][row, col] for i, row, col in pixels], np.int64)

    def at(self, maps: list[npt.NDArray[Any]], pixels: Pixels) -> Any:
        """Take values of pixels from maps of shape ``(F, H, W)`` or ``(H, W)``."""
        found = np.empty((len(pixels), *maps[0].shape[:-2]), maps[0].dtype)
        for i, values in enumerate(maps):
            own = pixels[:, 0] == i
            found[own] = values[..., pixels[own, 1], pixels[own, 2]].T
        return found

    def random(self, count: int, seed: int) -> Pixels:
        """Draw labelled pixels."""
        rng = np.random.default_rng(seed)
        return self.pixels[rng.permutation(len(self.pixels))[:count]]

    def score(self, found: Codes) -> float:
        """Mean intersection over union of the classes that occur.

        Args:
            found: Classes of the scored pixels.

        Returns:
            The mean.
        """
        shares = []
        for code in np.unique(self.truth):
            own, said = self.truth == code, found == code
            shares.append((own & said).sum() / (own | said).sum())
        return float(np.mean(shares))

    @cached_property
    def bands(self) -> list[Floats]:
        """Standardized bands."""
        return standardize(self.task.images, self.valids)

    @cached_property
    def context(self) -> list[Floats]:
        """Bands, and their means and deviations in two windows."""
        found = []
        for image, valid in zip(self.bands, self.valids, strict=True):
            parts = [image]
            for size in _WINDOWS:
                mean = local_mean(image, valid, size)
                square = local_mean(image**2, valid, size)
                parts += [mean, np.sqrt((square - mean**2).clip(min=0))]
            found.append(np.concatenate(parts))
        return found

    @cached_property
    def segmenter(self) -> KTexturesSegmenter:
        """A segmenter with its defaults."""
        images = list(self.task.images)
        return KTexturesSegmenter(random_state=0).fit_model(images)

    @cached_property
    def suggester(self) -> Suggester:
        """What suggests labelled pixels: nobody can name others here."""
        return Suggester(self.segmenter, list(self.task.images), self.labelled)

    @cached_property
    def places(self) -> 'Places':
        """Features of the tool at the scored pixels, and of places without a class."""
        return Places(self)


class Places:
    """Features of the tool, and classes of the scored pixels from these."""

    def __init__(self, scene: ClickScene) -> None:
        """Initialize a new Places instance.

        Args:
            scene: Images and labels.
        """
        images = list(scene.task.images)
        patches = draw_patches(scene.segmenter, images)
        features = PlaceFeatures(scene.segmenter.task_, FEATURE_CLUSTERS).eval()
        features.fit(patches, seed=0)
        self.layout = features.layout
        self.unnamed = draw_places(features, patches, seed=0)
        self.features, self.images = features, images
        # The four places around each scored pixel, and their weights.
        pixels = scene.scored
        shapes = np.array([mask.shape for mask in scene.valids])[pixels[:, 0]]
        ends = -(-shapes // STEP) - 1
        first = (pixels[:, 1:] + 0.5) / STEP - 0.5
        corners, weights = [], []
        for down in (0, 1):
            for right in (0, 1):
                corner = np.floor(first).astype(np.int64) + np.array([down, right])
                share = 1 - abs(first - corner)
                corner = corner.clip(0, ends)
                corners.append(np.column_stack([pixels[:, 0], corner]))
                weights.append(share.prod(1))
        every, index = np.unique(np.concatenate(corners), axis=0, return_inverse=True)
        self.index, self.weights = index.reshape(4, -1), np.stack(weights)
        self.around = self.vectors(every)

    def vectors(self, places: Pixels) -> Floats:
        """Compute features of places on the grid of every second pixel."""
        found = np.empty((len(places), self.features.channels), np.float32)
        for i in np.unique(places[:, 0]):
            own = places[:, 0] == i
            image = torch.from_numpy(self.images[i])[None]
            valid = finite_pixels(image)
            maps = self.features(torch.where(valid > 0, image, 0), valid)[0].numpy()
            found[own] = maps[:, places[own, 1], places[own, 2]].T
        return found

    def classify(self, log_proba: Callable[[Floats], Floats]) -> npt.NDArray[np.intp]:
        """Classify the scored pixels.

        Args:
            log_proba: What gives log-probabilities of features.

        Returns:
            Number of the most likely class of each.
        """
        logits = log_proba(self.around)[self.index]
        found: npt.NDArray[np.intp]
        found = (logits * self.weights[..., None]).sum(0).argmax(1)
        return found
