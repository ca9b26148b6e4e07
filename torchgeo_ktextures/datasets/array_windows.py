# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Pixel-exact windows of images in memory."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from .array_image import ArrayImage, array_images
from .sample import Sample
from .validity import InvalidIf, combine_validity
from .windows import PixelWindow, Windows

#: Number of values that are looked at at once.
_STRIP = 2**24


class ArrayWindows(Windows):
    """Windows of images in memory."""

    def __init__(
        self,
        images: Sequence[ArrayImage | npt.NDArray[Any]],
        invalid_if: InvalidIf = 'any',
    ) -> None:
        """Initialize a new ArrayWindows instance.

        Args:
            images: Images, or arrays of shape ``(C, H, W)``, NaN or infinite where
                invalid, of the same number of bands.
            invalid_if: Whether a pixel is left out where 'any' of its bands is invalid,
                or only where 'all' are; single values are then filled.
        """
        self.images = array_images(images)
        self.invalid_if = invalid_if
        self.files = [f'image {i}' for i in range(len(images))]
        self.shapes = [image.shape[1:] for image in self.images]
        self.entries = range(len(images))

    def validity(self, file: int, size: int = 512) -> npt.NDArray[np.bool_]:
        """Find the valid pixels of a whole image, decimated.

        Args:
            file: Number of the image.
            size: Height and width of the result at most.

        Returns:
            True where valid, of shape ``(h, w)``.
        """
        image = self.images[file]
        height, width = self.shapes[file]
        whole = max(height, width) <= size
        rows, cols = _places(height, size), _places(width, size)
        step = max(1, _STRIP // (len(image) * len(cols)))
        strips = []
        for start in range(0, len(rows), step):
            stop = min(start + step, len(rows))
            data, invalid = (
                image.read(slice(start, stop), slice(0, width))
                if whole
                else image.read(rows[start:stop], cols)
            )
            strips.append(combine_validity(data, invalid, self.invalid_if)[1])
        return np.concatenate(strips)

    def sample_pixels(self, file: int, size: int = 512) -> npt.NDArray[np.float32]:
        """Read the valid pixels of a whole image, decimated.

        Args:
            file: Number of the image.
            size: Height and width to decimate to, at most.

        Returns:
            Pixels of shape ``(N, C)``.
        """
        height, width = self.shapes[file]
        rows, cols = _places(height, size), _places(width, size)
        data, invalid = self.images[file].read(rows, cols)
        data, valid = combine_validity(data, invalid, self.invalid_if)
        pixels: npt.NDArray[np.float32] = data[:, valid].T
        return pixels

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
        data, invalid = self.images[w.file].read(rows, cols)
        data, valid = combine_validity(data, invalid, self.invalid_if)
        self.bring_to_reference(data, w.file)
        found = torch.from_numpy(valid)[None]
        return {
            'image': torch.from_numpy(data).masked_fill(~found, 0),
            'mask_valid': found.float(),
            'window': torch.tensor(w),
        }


def _places(length: int, size: int) -> npt.NDArray[np.intp]:
    """Rows or columns, some at most, that are spread evenly."""
    return np.linspace(0, length - 1, min(length, size)).round().astype(np.intp)
