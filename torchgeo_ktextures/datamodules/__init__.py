# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Data modules of RGB-NIR rasters."""

from .rasters import RasterDataModule

__all__ = ('RasterDataModule',)
