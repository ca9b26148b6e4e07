# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Lightning callbacks."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
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

__getattr__, __dir__ = lazy_names(__name__)
