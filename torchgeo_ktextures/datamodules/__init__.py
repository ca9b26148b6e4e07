# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Data modules."""

from .arrays import ArrayDataModule
from .planet import PlanetDataModule
from .rasters import RasterDataModule
from .training_chips import TrainingChipsDataModule

__all__ = (
    'ArrayDataModule',
    'PlanetDataModule',
    'RasterDataModule',
    'TrainingChipsDataModule',
)
