# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Data modules."""

from .arrays import ArrayDataModule
from .geo_dataset import GeoDatasetDataModule
from .planet import PlanetDataModule
from .rasters import RasterDataModule
from .training_chips import TrainingChipsDataModule

__all__ = (
    'ArrayDataModule',
    'GeoDatasetDataModule',
    'PlanetDataModule',
    'RasterDataModule',
    'TrainingChipsDataModule',
)
