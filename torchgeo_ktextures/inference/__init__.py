# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Labels of whole images: one loop over tiles, and sinks that take them."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .arrays import ArraySink, label_images, label_patches
    from .geotiff import GeoTIFFWriter
    from .tiles import margin_of, predict_tiles

__all__ = (
    'ArraySink',
    'GeoTIFFWriter',
    'label_images',
    'label_patches',
    'margin_of',
    'predict_tiles',
)

__getattr__, __dir__ = lazy_names(__name__)
