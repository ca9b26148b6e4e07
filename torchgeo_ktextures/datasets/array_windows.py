# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Pixel-exact windows of images in memory."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torchgeo.datasets.utils import Sample

from .windows import PixelWindow, Windows


class ArrayWindows(Windows):
    """Windows of images in memory, NaN or infinite where invalid."""

    def __init__(self, images: Sequence[npt.NDArray[np.float32]]) -> None:
        """Initialize a new ArrayWindows instance.

        Args:
            images: Images of shape ``(C, H, W)``, of the same number of bands.
        """
        self.images = images
        self.files = [f'image {i}' for i in range(len(images))]
        self.shapes = [image.shape[1:] for image in images]
        self.entries = range(len(images))

    def validity(self, file: int, size: int = 512) -> npt.NDArray[np.bool_]:
        """Find the valid pixels of a whole image, decimated.

        Args:
            file: Number of the image.
            size: Height and width of the result at most.

        Returns:
            True where valid, of shape ``(h, w)``.
        """
        rows, cols = (
            np.linspace(0, n - 1, min(n, size)).round().astype(int)
            for n in self.shapes[file]
        )
        valid: npt.NDArray[np.bool_] = np.isfinite(
            self.images[file][:, rows[:, None], cols]
        ).all(0)
        return valid

    def __getitem__(self, index: PixelWindow) -> Sample:
        """Cut out a window.

        Args:
            index: Window in pixels.

        Returns:
            A sample with ``image`` (C, H, W), ``mask_valid`` (1, H, W) and ``window``
            (9).
        """
        w = PixelWindow(*index)
        rows, cols = slice(w.row, w.row + w.height), slice(w.col, w.col + w.width)
        image = torch.from_numpy(self.images[w.file][:, rows, cols])
        valid = image.isfinite().all(0, keepdim=True)
        return {
            'image': torch.where(valid, image, 0),
            'mask_valid': valid.float(),
            'window': torch.tensor(w),
        }
