# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Gaussian mixture on pixels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.mixture import GaussianMixture

from .kmeans import PixelKMeans


@dataclass(frozen=True)
class PixelGaussianMixture(PixelKMeans):
    """Mixture of Gaussians with full covariances on standardized pixels.

    The best of some restarts, each from k-means, by the likelihood.
    """

    n_init: int = 3
    max_samples: int = 30_000
    max_iter: int = 100

    def fit(self, sample: npt.NDArray[np.float32], n_clusters: int, seed: int) -> Any:
        """Fit on vectors."""
        mixture = GaussianMixture(
            n_clusters,
            n_init=self.n_init,
            max_iter=self.max_iter,
            # Saturated pixels would make a covariance singular.
            reg_covar=1e-4,
            random_state=seed,
        )
        return mixture.fit(sample)
