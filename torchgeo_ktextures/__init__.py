# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""k-textures: unsupervised segmentation of Earth observation scenes for TorchGeo."""

from importlib.metadata import version
from typing import TYPE_CHECKING

from .lazy import lazy_names

if TYPE_CHECKING:
    from .estimator import KTexturesSegmenter

__all__ = ('KTexturesSegmenter',)

__version__ = version('torchgeo-ktextures')

__getattr__, __dir__ = lazy_names(__name__)
