# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Partitions that do not depend on chance."""

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import fcluster, ward
from sklearn.cluster import KMeans

from .settings import WARD_SAMPLES


class WardStart:
    """K-means that begins with the clusters of Ward's method on some places."""

    def __init__(
        self, places: npt.NDArray[np.float32], first: int = 0, step: int | None = None
    ) -> None:
        """Build the tree of Ward's method.

        Args:
            places: Vectors of shape ``(N, d)``.
            first: Number of the first place of the tree.
            step: How many places on the next one is (defaults to as many as leave at
                most :data:`~.settings.WARD_SAMPLES`).
        """
        self.places = places
        self.some = places[first :: step or -(-len(places) // WARD_SAMPLES)]
        self.tree = ward(self.some)

    def partition(self, num_classes: int) -> npt.NDArray[np.int32]:
        """Find clusters.

        Args:
            num_classes: Number of clusters.

        Returns:
            Labels of shape ``(N,)``. Where there are few different places, there are
            fewer clusters.
        """
        own = fcluster(self.tree, num_classes, 'maxclust')
        centers = np.stack([self.some[own == i].mean(0) for i in np.unique(own)])
        kmeans = KMeans(len(centers), init=centers, n_init=1)
        labels: npt.NDArray[np.int32] = kmeans.fit_predict(self.places)
        return labels
