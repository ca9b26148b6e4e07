# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Lightning callbacks."""

from .geotiff_writer import GeoTIFFWriter

__all__ = ('GeoTIFFWriter',)
