# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Points: where to label, and what to make of the labels."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .classifier import PointClassifier
    from .suggestions import Suggestions, suggest_points

__all__ = ('PointClassifier', 'Suggestions', 'suggest_points')

__getattr__, __dir__ = lazy_names(__name__)
