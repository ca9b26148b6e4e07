# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Where rasters come from: files, networks, archives, catalogs and arrays.

Nothing here needs torch.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .addresses import (
        is_network,
        is_remote,
        is_stac,
        raster_name,
        short_name,
        without_secrets,
    )
    from .opening import (
        CorruptRasterError,
        MissingRasterError,
        damaged,
        open_raster,
        source_name,
    )

__all__ = (
    'CorruptRasterError',
    'MissingRasterError',
    'damaged',
    'is_network',
    'is_remote',
    'is_stac',
    'open_raster',
    'raster_name',
    'short_name',
    'source_name',
    'without_secrets',
)

__getattr__, __dir__ = lazy_names(__name__)
