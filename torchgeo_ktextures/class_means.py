# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Mean bands of each class."""

import numpy as np
import numpy.typing as npt
from torch import Tensor


class ClassMeans:
    """Sums up the bands of the pixels of each class."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        """Begin to sum.

        Args:
            num_classes: Number of classes, k.
            in_channels: Number of bands, C.
        """
        self.sums = np.zeros((num_classes, in_channels))
        self.counts = np.zeros(num_classes, np.int64)

    def update(self, labels: Tensor, image: Tensor) -> None:
        """Add pixels.

        Args:
            labels: Labels of shape ``(B, H, W)``, negative where invalid.
            image: Bands of shape ``(B, C, H, W)``.
        """
        keep = labels >= 0
        index = labels[keep].cpu().numpy()
        self.counts += np.bincount(index, minlength=len(self.counts))
        for band, values in enumerate(image.unbind(1)):
            pixels = values[keep].cpu().numpy()
            self.sums[:, band] += np.bincount(index, pixels, len(self.counts))

    def compute(self, empty: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Compute the means.

        Args:
            empty: What a class without pixels has, of shape ``(k, C)``.

        Returns:
            Means of shape ``(k, C)``.
        """
        counts = self.counts[:, None]
        return np.where(counts > 0, self.sums / np.maximum(counts, 1), empty)
