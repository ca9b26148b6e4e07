# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Data module for any RGB-NIR rasters."""

import torch
from torch import nn
from torchgeo.datamodules import BaseDataModule

from ..datasets import RasterWindows, Windows
from .scenes import RasterScenes


class _Base(BaseDataModule):
    """Data module of TorchGeo that leaves batches as they are."""

    mean = torch.tensor(0)
    std = torch.tensor(1)

    def __init__(self) -> None:
        super().__init__(RasterWindows)
        self.aug = nn.Identity()


class RasterDataModule(RasterScenes, _Base):
    """Any RGB-NIR rasters, each on its own grid.

    Training draws random patches; validation, testing and prediction cover each raster
    with tiles. Bands are only divided by *scale*: normalization is part of the model,
    so that a checkpoint treats other scenes as it treated those it was trained on.
    """

    def _dataset(self, split: str) -> Windows:
        found: Windows = self._valid_attribute(f'{split}_dataset')
        return found
