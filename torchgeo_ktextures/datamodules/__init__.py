# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Data modules."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
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

__getattr__, __dir__ = lazy_names(__name__)
