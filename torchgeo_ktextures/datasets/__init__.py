# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Datasets of RGB-NIR rasters."""

from .bands import DEFAULT_BANDS, band_indexes, valid_pixels
from .olinda import Olinda
from .raster_windows import PixelWindow, RasterWindows
from .rasters import open_raster

__all__ = (
    'DEFAULT_BANDS',
    'Olinda',
    'PixelWindow',
    'RasterWindows',
    'band_indexes',
    'open_raster',
    'valid_pixels',
)
