# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Several dates of a place: one radiometry, one legend, and what has changed."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .align import Alignment, align_map
    from .detection import Changes, change
    from .mad import InvariantPlaces, irmad
    from .map_changes import ChangeMaps, change_maps
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

__getattr__, __dir__ = lazy_names(__name__)
