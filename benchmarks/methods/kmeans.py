# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""k-means on pixels, and what other methods on vectors of pixels share with it."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning

from ..sets import Image, Labels, valid_pixels
from .method import Method, Valid, draw, paint, standardize


@dataclass(frozen=True)
class PixelKMeans(Method):
    """k-means on standardized pixels; the best of some restarts by inertia.

    Fitted on a random part of the pixels where there are many; predicts all of them.
    """

    n_init: int = 10
    max_samples: int = 100_000

    def features(
        self, images: Sequence[Image], valids: Sequence[Valid]
    ) -> Sequence[Image]:
        """Compute the vector of each pixel.

        Args:
            images: Standardized bands of shape ``(C, H, W)``, zero where invalid.
            valids: Validity of shape ``(H, W)``.

        Returns:
            Features of shape ``(F, H, W)``.
        """
        return images

    def fit(self, sample: npt.NDArray[np.float32], n_clusters: int, seed: int) -> Any:
        """Fit on vectors.

        Args:
            sample: Vectors of shape ``(N, F)``.
            n_clusters: Number of clusters.
            seed: Seed.

        Returns:
            Something with ``predict``.
        """
        return KMeans(n_clusters, n_init=self.n_init, random_state=seed).fit(sample)

    def fit_predict(
        self, images: Sequence[Image], n_clusters: int, seed: int
    ) -> list[Labels]:
        """Fit on images, without labels, and predict all of them."""
        valids = [valid_pixels(image) for image in images]
        features = self.features(standardize(images, valids), valids)
        vectors = [
            np.ascontiguousarray(f[:, v].T)
            for f, v in zip(features, valids, strict=True)
        ]
        sample = draw(np.concatenate(vectors), self.max_samples, seed)
        with warnings.catch_warnings():
            # Fewer distinct pixels than clusters leave clusters empty: no error here.
            warnings.simplefilter('ignore', ConvergenceWarning)
            model = self.fit(sample, n_clusters, seed)
        return [
            paint(model.predict(x), v) if len(x) else paint(np.zeros(0, int), v)
            for x, v in zip(vectors, valids, strict=True)
        ]


@dataclass(frozen=True)
class PixelMiniBatchKMeans(PixelKMeans):
    """Mini-batch k-means on standardized pixels; the best of some whole restarts."""

    n_init: int = 5
    max_samples: int = 1_000_000
    batch_size: int = 4096

    def fit(self, sample: npt.NDArray[np.float32], n_clusters: int, seed: int) -> Any:
        """Fit on vectors."""
        # n_init of the library only chooses among starts.
        models = [
            MiniBatchKMeans(
                n_clusters,
                batch_size=self.batch_size,
                n_init=3,
                random_state=seed * self.n_init + i,
            ).fit(sample)
            for i in range(self.n_init)
        ]
        return min(models, key=lambda model: float(model.inertia_))
