# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Images in memory, for data modules and for prediction without them."""

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from ..datasets import ArrayWindows, Windows
from ..datasets.array_image import ArrayImage, array_images
from ..datasets.validity import InvalidIf
from .order import images_in_order
from .scenes import RasterScenes


class ArrayScenes(RasterScenes):
    """Images in memory, trained on and tiled like rasters."""

    def __init__(
        self,
        images: Sequence[ArrayImage | npt.NDArray[Any]],
        invalid_if: InvalidIf = 'any',
        **kwargs: Any,
    ) -> None:
        """Initialize a new ArrayScenes instance.

        Args:
            images: Images, or arrays of shape ``(C, H, W)``, NaN or infinite where
                invalid.
            invalid_if: Whether a pixel is left out where 'any' of its bands is invalid,
                or only where 'all' are.
            **kwargs: Passed on to :class:`.RasterScenes`.
        """
        super().__init__(**kwargs)
        self.images = array_images(images)
        self.invalid_if: InvalidIf = invalid_if

    def sort(self) -> None:
        """Put the images in an order that does not depend on how they were listed."""
        self.images = images_in_order(self.images)

    def _windows(
        self, paths: str | Sequence[str], mask_paths: str | Sequence[str] | None
    ) -> Windows:
        return ArrayWindows(self.images, self.invalid_if)
