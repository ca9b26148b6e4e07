# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Lightning callbacks."""

from ..inference import GeoTIFFWriter
from .averaging import MaskAveraging
from .fewer_steps import FewerSteps
from .history import History
from .restarts import Restarts
from .textures import FinalTextures

__all__ = (
    'FewerSteps',
    'FinalTextures',
    'GeoTIFFWriter',
    'History',
    'MaskAveraging',
    'Restarts',
)
