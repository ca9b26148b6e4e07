# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What every method of the benchmark is called by."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ..sets import Image, Labels

type Valid = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Method:
    """A way to split images into clusters; its fields are its settings."""

    @property
    def settings(self) -> dict[str, Any]:
        """Settings, which JSON can hold."""
        return dataclasses.asdict(self)

    def with_settings(self, values: dict[str, Any]) -> Self:
        """Change settings.

        Args:
            values: New values by name.

        Returns:
            The method with these settings.

        Raises:
            ValueError: If there is no such setting.
        """
        names = [field.name for field in dataclasses.fields(self)]
        for name in values:
            if name not in names:
                msg = f'{type(self).__name__} has no setting {name!r}, use one of '
                raise ValueError(msg + ', '.join(names))
        return dataclasses.replace(self, **values)

    def unavailable(self) -> str | None:
        """Say why the method cannot run here, or None if it can."""
        return None

    def fit_predict(
        self, images: Sequence[Image], n_clusters: int, seed: int
    ) -> list[Labels]:
        """Fit on images, without labels, and predict all of them.

        Args:
            images: Bands of shape ``(C, H, W)``, NaN where invalid.
            n_clusters: Number of clusters.
            seed: Seed of everything that is random.

        Returns:
            Clusters of shape ``(H, W)``, -1 where invalid.
        """
        raise NotImplementedError


def standardize(images: Sequence[Image], valids: Sequence[Valid]) -> list[Image]:
    """Standardize bands over all valid pixels.

    Args:
        images: Bands of shape ``(C, H, W)``.
        valids: Validity of shape ``(H, W)``.

    Returns:
        Bands of zero mean and unit variance, zero where invalid.
    """
    pixels = np.concatenate(
        [x[:, v] for x, v in zip(images, valids, strict=True)], axis=1
    )
    mean = pixels.mean(1, dtype=np.float64).astype(np.float32)[:, None, None]
    std = pixels.std(1, dtype=np.float64).astype(np.float32)[:, None, None]
    std[std == 0] = 1
    return [
        np.where(v, (x - mean) / std, np.float32(0))
        for x, v in zip(images, valids, strict=True)
    ]


def draw(
    vectors: npt.NDArray[np.float32], count: int, seed: int
) -> npt.NDArray[np.float32]:
    """Draw some rows, or take all if there are not more.

    Args:
        vectors: Rows of shape ``(N, F)``.
        count: Number of rows to draw.
        seed: Seed.

    Returns:
        Rows of shape ``(min(N, count), F)``.
    """
    if len(vectors) <= count:
        return vectors
    rng = np.random.default_rng(seed)
    return vectors[rng.choice(len(vectors), count, replace=False)]


def paint(clusters: npt.NDArray[np.integer], valid: Valid) -> Labels:
    """Bring the clusters of the valid pixels back to the image.

    Args:
        clusters: Clusters of the valid pixels, of shape ``(N,)``.
        valid: Validity of shape ``(H, W)``.

    Returns:
        Clusters of shape ``(H, W)``, -1 where invalid.
    """
    labels = np.full(valid.shape, -1, np.int64)
    labels[valid] = clusters
    return labels
