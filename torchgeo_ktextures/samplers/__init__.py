# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Samplers of patches and raster windows."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .pixel_grid import PixelGridSampler
    from .remaining import RemainingTiles, remaining_tiles
    from .valid_patches import ValidPatchSampler
    from .windows import GridWindowSampler, RandomWindowSampler

__all__ = (
    'GridWindowSampler',
    'PixelGridSampler',
    'RandomWindowSampler',
    'RemainingTiles',
    'ValidPatchSampler',
    'remaining_tiles',
)

__getattr__, __dir__ = lazy_names(__name__)
