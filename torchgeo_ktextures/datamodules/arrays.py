# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Data module for images in memory."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..datasets import ArrayWindows, Windows
from .rasters import RasterDataModule


class ArrayDataModule(RasterDataModule):
    """Images in memory, trained on and tiled like rasters."""

    def __init__(
        self, images: Sequence[npt.NDArray[np.float32]], **kwargs: Any
    ) -> None:
        """Initialize a new ArrayDataModule instance.

        Args:
            images: Images of shape ``(C, H, W)``, NaN or infinite where invalid.
            **kwargs: Passed on to :class:`RasterDataModule`.
        """
        super().__init__(**kwargs)
        self.images = images

    def _dataset(
        self, paths: str | Sequence[str], mask_paths: str | Sequence[str] | None = None
    ) -> Windows:
        return ArrayWindows(self.images)
