# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Samplers of raster windows."""

from .windows import GridWindowSampler, RandomWindowSampler

__all__ = ('GridWindowSampler', 'RandomWindowSampler')
