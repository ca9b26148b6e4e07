# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Datasets of RGB-NIR rasters."""

from .array_windows import ArrayWindows
from .bands import DEFAULT_BANDS, band_indexes, raster_bands, valid_pixels
from .map_grid import MapGrid, MapSource
from .olinda import Olinda
from .planet_basemap import PlanetBasemap
from .planet_grid import Quad
from .planet_scope import PlanetScope
from .raster_windows import RasterWindows
from .rasters import CorruptRasterError, open_raster
from .windows import PixelWindow, Windows, core_pixels

__all__ = (
    'DEFAULT_BANDS',
    'ArrayWindows',
    'CorruptRasterError',
    'MapGrid',
    'MapSource',
    'Olinda',
    'PixelWindow',
    'PlanetBasemap',
    'PlanetScope',
    'Quad',
    'RasterWindows',
    'Windows',
    'band_indexes',
    'core_pixels',
    'open_raster',
    'raster_bands',
    'valid_pixels',
)
