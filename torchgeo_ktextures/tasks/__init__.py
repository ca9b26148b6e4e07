# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Lightning tasks."""

from .distillation import FeatureDistillation
from .ktextures import KTextures

__all__ = ('FeatureDistillation', 'KTextures')
