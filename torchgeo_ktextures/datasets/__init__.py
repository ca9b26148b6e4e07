# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Datasets of RGB-NIR rasters."""

from .bands import DEFAULT_BANDS, band_indexes, valid_pixels
from .map_grid import MapGrid, MapSource
from .olinda import Olinda
from .planet_basemap import PlanetBasemap
from .planet_grid import Quad
from .planet_scope import PlanetScope
from .raster_windows import PixelWindow, RasterWindows, core_pixels
from .rasters import CorruptRasterError, open_raster

__all__ = (
    'DEFAULT_BANDS',
    'CorruptRasterError',
    'MapGrid',
    'MapSource',
    'Olinda',
    'PixelWindow',
    'PlanetBasemap',
    'PlanetScope',
    'Quad',
    'RasterWindows',
    'band_indexes',
    'core_pixels',
    'open_raster',
    'valid_pixels',
)
