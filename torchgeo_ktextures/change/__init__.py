# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Several dates of a place: one radiometry, one legend, and what has changed."""

from .align import Alignment, align_map
from .change_maps import ChangeMaps, change_maps
from .detection import Changes, change
from .mad import InvariantPlaces, irmad
from .regression import orthogonal_regression
from .rules import ChangeRules

__all__ = (
    'Alignment',
    'ChangeMaps',
    'ChangeRules',
    'Changes',
    'InvariantPlaces',
    'align_map',
    'change',
    'change_maps',
    'irmad',
    'orthogonal_regression',
)
