# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Lightning callbacks."""

from ..inference import GeoTIFFWriter
from .fewer_steps import FewerSteps
from .history import History

__all__ = ('FewerSteps', 'GeoTIFFWriter', 'History')
