# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Samplers of patches and raster windows."""

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
