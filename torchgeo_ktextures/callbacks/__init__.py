# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Lightning callbacks."""

from .geotiff_writer import GeoTIFFWriter
from .history import History

__all__ = ('GeoTIFFWriter', 'History')
