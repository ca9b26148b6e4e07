# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""k-textures: unsupervised segmentation of Earth observation scenes for TorchGeo."""

from importlib.metadata import version

__version__ = version('torchgeo-ktextures')
