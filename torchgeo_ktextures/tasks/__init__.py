# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Lightning tasks."""

from .ktextures import KTextures

__all__ = ('KTextures',)
