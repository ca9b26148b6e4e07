# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""k-means on the mean colours of superpixels."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from skimage.segmentation import felzenszwalb, slic
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from ..sets import Image, Labels, valid_pixels
from .method import Method, standardize


@dataclass(frozen=True)
class SuperpixelKMeans(Method):
    """k-means on the mean bands of superpixels, weighted by their number of pixels."""

    n_init: int = 10

    def segments(self, image: Image) -> npt.NDArray[np.int64]:
        """Split an image into superpixels.

        Args:
            image: Standardized bands in 0..1, of shape ``(H, W, C)``.

        Returns:
            Superpixels of shape ``(H, W)``, numbered from 0.
        """
        raise NotImplementedError

    def fit_predict(
        self, images: Sequence[Image], n_clusters: int, seed: int
    ) -> list[Labels]:
        """Fit on images, without labels, and predict all of them."""
        valids = [valid_pixels(image) for image in images]
        parts, means, sizes = [], [], []
        for image, valid in zip(standardize(images, valids), valids, strict=True):
            # Few very bright pixels must not take the range of all others.
            shown = (image.transpose(1, 2, 0).clip(-3, 3) + 3) / 6
            part = self.segments(shown.astype(np.float32))
            count = int(part.max()) + 1
            inside = part[valid]
            size = np.bincount(inside, minlength=count)
            total = [np.bincount(inside, band[valid], count) for band in image]
            parts.append(part)
            sizes.append(size)
            means.append(np.stack(total, 1) / size.clip(min=1)[:, None])
        model = KMeans(n_clusters, n_init=self.n_init, random_state=seed)
        weights = np.concatenate(sizes)
        vectors = np.concatenate(means)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', ConvergenceWarning)
            model.fit(vectors[weights > 0], sample_weight=weights[weights > 0])
        maps = []
        for part, mean, valid in zip(parts, means, valids, strict=True):
            labels = model.predict(mean)[part].astype(np.int64)
            labels[~valid] = -1
            maps.append(labels)
        return maps


@dataclass(frozen=True)
class SlicKMeans(SuperpixelKMeans):
    """k-means on superpixels of SLIC, which adapts its compactness to the image.

    References:
        * https://doi.org/10.1109/TPAMI.2012.120 (Achanta et al., 2012)
    """

    pixels: int = 64

    def segments(self, image: Image) -> npt.NDArray[np.int64]:
        """Split an image into superpixels."""
        count = max(image.shape[0] * image.shape[1] // self.pixels, 1)
        found: npt.NDArray[np.int64] = slic(
            image, count, compactness=0.1, slic_zero=True, convert2lab=False
        )
        return found - 1


@dataclass(frozen=True)
class FelzenszwalbKMeans(SuperpixelKMeans):
    """k-means on the segments of Felzenszwalb and Huttenlocher.

    References:
        * https://doi.org/10.1023/B:VISI.0000022288.19776.77 (2004)
    """

    scale: float = 50.0
    sigma: float = 0.5
    min_size: int = 25

    def segments(self, image: Image) -> npt.NDArray[np.int64]:
        """Split an image into superpixels."""
        with warnings.catch_warnings():
            # It wonders whether four bands are meant.
            warnings.simplefilter('ignore', RuntimeWarning)
            found: npt.NDArray[np.int64] = felzenszwalb(
                image, self.scale, self.sigma, self.min_size
            )
        return found
