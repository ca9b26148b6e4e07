# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Colours of classes, the same in maps and figures, in plain NumPy."""

from .numbered import class_colors, parse_color
from .spectral import further_color, lent_colors, spectral_colors

__all__ = (
    'class_colors',
    'further_color',
    'lent_colors',
    'parse_color',
    'spectral_colors',
)
