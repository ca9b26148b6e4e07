# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Datasets of RGB-NIR rasters."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .array_windows import ArrayWindows
    from .band_names import DEFAULT_BANDS
    from .bands import band_indexes, band_roles, raster_bands
    from .map_grid import MapGrid, MapSource
    from .mark_nodata import MarkNodata
    from .olinda import Olinda
    from .planet_basemap import PlanetBasemap
    from .planet_grid import Quad
    from .planet_scope import PlanetScope
    from .raster_windows import RasterWindows
    from .rasters import CorruptRasterError, list_scenes, open_raster, raster_name
    from .windows import PixelWindow, Windows, core_of, core_pixels

__all__ = (
    'DEFAULT_BANDS',
    'ArrayWindows',
    'CorruptRasterError',
    'MapGrid',
    'MapSource',
    'MarkNodata',
    'Olinda',
    'PixelWindow',
    'PlanetBasemap',
    'PlanetScope',
    'Quad',
    'RasterWindows',
    'Windows',
    'band_indexes',
    'band_roles',
    'core_of',
    'core_pixels',
    'list_scenes',
    'open_raster',
    'raster_bands',
    'raster_name',
)

__getattr__, __dir__ = lazy_names(__name__)
