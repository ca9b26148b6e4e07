# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What every labelled set is brought to."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

type Image = npt.NDArray[np.float32]
type Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Task:
    """Images and labels of a task."""

    dataset: str
    """Name of the set."""

    task: str
    """Name of the task, unique within the set."""

    images: list[Image]
    """Bands of shape (C, H, W), divided by the scale of the set, NaN where invalid."""

    masks: list[Labels]
    """Classes of shape (H, W)."""

    classes: tuple[str, ...]
    """Names of the classes in the order of their codes."""

    ignore_index: int = 255
    """Code of the pixels that are not scored."""

    @property
    def name(self) -> str:
        """Name of the set and of the task."""
        return f'{self.dataset}/{self.task}'

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    def data_hash(self) -> str:
        """First 12 hexadecimal digits of the SHA-256 of images and labels."""
        digest = hashlib.sha256(repr((self.classes, self.ignore_index)).encode())
        arrays: list[npt.NDArray[Any]] = [*self.images, *self.masks]
        for array in arrays:
            digest.update(repr((array.shape, array.dtype.str)).encode())
            digest.update(np.ascontiguousarray(array))
        return digest.hexdigest()[:12]


def valid_pixels(image: Image) -> npt.NDArray[np.bool_]:
    """Find the pixels whose bands are all finite.

    Args:
        image: Bands of shape ``(C, H, W)``.

    Returns:
        True where valid, of shape ``(H, W)``.
    """
    valid: npt.NDArray[np.bool_] = np.isfinite(image).all(0)
    return valid
