# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Lightning callbacks."""

from .fewer_steps import FewerSteps
from .geotiff_writer import GeoTIFFWriter
from .history import History

__all__ = ('FewerSteps', 'GeoTIFFWriter', 'History')
