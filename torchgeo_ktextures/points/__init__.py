# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Points: where to label, and what to make of the labels."""

from .classifier import PointClassifier
from .suggestions import Suggestions, suggest_points

__all__ = ('PointClassifier', 'Suggestions', 'suggest_points')
