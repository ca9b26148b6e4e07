# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What users hand over as a data module."""

from .arrays import ArrayDataModule
from .inputs import Inputs
from .rasters import RasterDataModule


class ModuleInputs(Inputs):
    """Images of a user as a data module, which trainers of Lightning take."""

    rasters = RasterDataModule
    arrays = ArrayDataModule
    data: RasterDataModule
