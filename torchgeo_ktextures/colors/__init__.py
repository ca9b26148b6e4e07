# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Colours of classes, the same in maps and figures, in plain NumPy."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .numbered import class_colors, parse_color
    from .spectral import further_color, lent_colors, spectral_colors

__all__ = (
    'class_colors',
    'further_color',
    'lent_colors',
    'parse_color',
    'spectral_colors',
)

__getattr__, __dir__ = lazy_names(__name__)
