# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What a trainer predicts, if that is a dataset of TorchGeo."""

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

import kornia.augmentation as K
import torch.distributed
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor
from torch.utils.data import DataLoader
from torchgeo.datamodules import BaseDataModule, GeoDataModule
from torchgeo.datasets import GeoDataset
from torchgeo.datasets.utils import GeoSlice

from ..samplers import remaining_tiles
from .geo_areas import Layout
from .geo_maps import GeoMaps


class GeoSource:
    """Finds out what a trainer predicts, and which maps that makes.

    The tiles are known when prediction begins, or earlier from the data modules of
    TorchGeo: then those of maps that are finished are left out.
    """

    def __init__(
        self,
        trainer: Trainer,
        task: LightningModule,
        layout: Layout,
        check: Callable[[GeoMaps], Collection[int]],
    ) -> None:
        """Initialize a new GeoSource instance.

        Args:
            trainer: Trainer that is being set up to predict.
            task: Task that predicts.
            layout: Whether there is one map per 'file', per 'time', or one 'mosaic'.
            check: Takes the maps, and tells which are finished, by number.
        """
        self.trainer = trainer
        self.task = task
        self.layout: Layout = layout
        self.check = check
        self.maps: GeoMaps | None = None
        self.finished: set[int] = set()
        self.data: Any = getattr(trainer, 'datamodule', None)
        sampler = getattr(self.data, 'predict_sampler', None)
        if isinstance(self.data, GeoDataModule) and sampler is not None:
            # Asked for when the model has been loaded, and before the loader is made.
            self.data.predict_sampler = remaining_tiles(sampler, self._needed)

    def begin(self) -> None:
        """Find the maps, and the tiles of this process.

        Raises:
            TypeError: If the data are not georeferenced rasters.
            ValueError: If maps cannot be made of them.
        """
        loader = predict_loader(self.trainer)
        shares = share_tiles(tiles_of(loader))
        dataset: Any = loader.dataset
        maps = self.maps or self._plan(dataset, shares)
        maps.begin(shares, self.trainer.global_rank, self.finished)

    def _needed(self, items: list[GeoSlice]) -> list[GeoSlice]:
        """Choose the tiles of maps that are not finished."""
        dataset = self.data.predict_dataset or self.data.dataset
        if not isinstance(dataset, GeoDataset):
            return items
        maps = self._plan(dataset, share_tiles(items))
        return [item for item in items if not maps.maps_of(item) <= self.finished]

    def _plan(
        self, dataset: GeoDataset, shares: Sequence[Sequence[GeoSlice]]
    ) -> GeoMaps:
        aug = getattr(self.data, 'predict_aug', None) or getattr(self.data, 'aug', None)
        nodata = self.task.hparams.get('nodata')
        settings = f'{getattr(self.data, "kwargs", None)} {aug} {nodata}'
        self.maps = GeoMaps(
            dataset,
            [item for share in shares for item in share],
            self.layout,
            # Objects are not told by where they lie in memory.
            re.sub(' at 0x[0-9a-f]+', '', settings),
            _moments(self.data, aug),
        )
        self.finished = set(self.check(self.maps))
        return self.maps


def predict_loader(trainer: Trainer) -> DataLoader[Any]:
    """Find the loader of a prediction of georeferenced data.

    Args:
        trainer: Trainer that is about to predict.

    Returns:
        Its loader.

    Raises:
        TypeError: If the data are not georeferenced rasters.
    """
    loaders = trainer.predict_dataloaders
    many = loaders if isinstance(loaders, list | tuple) else [loaders]
    if len(many) == 1 and isinstance(many[0], DataLoader):
        loader = many[0]
        if isinstance(loader.dataset, GeoDataset):
            return loader
        name = type(loader.dataset).__name__
    else:
        name = f'{len(many)} loaders'
    msg = (
        'GeoTIFFWriter needs RasterDataModule or PlanetDataModule, or one loader of a '
    )
    raise TypeError(f'{msg}GeoDataset of TorchGeo, but the data are {name}')


def tiles_of(loader: DataLoader[Any]) -> list[GeoSlice]:
    """List the tiles of a loader, the share of this process.

    Args:
        loader: Loader of a prediction, whose iteration has begun.

    Returns:
        What its sampler yields.

    Raises:
        TypeError: If it has none.
    """
    # The sampler of batches itself is being iterated over, and tells Lightning where.
    sampler = getattr(loader.batch_sampler, 'sampler', None)
    if sampler is None:
        msg = f'{type(loader.batch_sampler).__name__} makes batches by itself; predict '
        raise TypeError(msg + 'with a sampler of tiles, such as GriddedPatchSampler')
    return list(sampler)


def share_tiles(items: Sequence[GeoSlice]) -> list[list[GeoSlice]]:
    """Tell all processes which tiles each has.

    Args:
        items: Tiles of this process.

    Returns:
        Tiles of each process.
    """
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return [list(items)]
    shares: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(shares, list(items))
    return shares


def _moments(data: Any, aug: Any) -> tuple[Tensor, Tensor] | None:
    """Mean and standard deviation that bands are normalized with, and by nothing else.

    That is what data modules of TorchGeo do to batches unless they say otherwise.
    """
    hook = getattr(type(data), 'on_after_batch_transfer', None)
    if hook is not BaseDataModule.on_after_batch_transfer:
        return None
    steps = list(aug.children()) if isinstance(aug, K.AugmentationSequential) else []
    if len(steps) != 1 or not isinstance(steps[0], K.Normalize):
        return None
    return steps[0].flags['mean'], steps[0].flags['std']
