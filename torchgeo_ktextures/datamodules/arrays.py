# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Data module for images in memory."""

from .array_scenes import ArrayScenes
from .rasters import RasterDataModule


class ArrayDataModule(ArrayScenes, RasterDataModule):
    """Images in memory, trained on and tiled like rasters."""
