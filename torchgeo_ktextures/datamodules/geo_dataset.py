# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Data module for any raster dataset of TorchGeo."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torchgeo.datamodules import GeoDataModule
from torchgeo.datasets import NAIP, RasterDataset
from torchgeo.samplers import (
    GeoSampler,
    GriddedPatchSampler,
    RandomTimestampSampler,
    SequentialTimestampSampler,
    SpatialSampler,
)

from ..datasets import MarkNodata
from ..datasets.sample import Sample
from ..samplers import PixelGridSampler, ValidPatchSampler
from .scenes import TILED_SPLITS


class GeoDatasetDataModule(GeoDataModule):
    """Any ``RasterDataset`` of TorchGeo, or of yours.

    Training draws random patches; validation, testing and prediction cover everything
    with tiles. Bands stay as they are: normalization is part of the model.
    """

    mean = torch.tensor(0)
    std = torch.tensor(1)

    def __init__(
        self,
        dataset_class: type[RasterDataset] = NAIP,
        paths: str | Sequence[str] = 'data',
        bands: Sequence[str] | None = None,
        dataset_args: dict[str, Any] | None = None,
        nodata: float = 0,
        times: Literal['each', 'merge'] = 'each',
        predict_paths: str | Sequence[str] | None = None,
        batch_size: int = 8,
        patch_size: int = 96,
        length: int = 1920,
        tile_size: int = 512,
        margin: int = 96,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        """Initialize a new GeoDatasetDataModule instance.

        Args:
            dataset_class: Class of the dataset, such as ``torchgeo.datasets.NAIP``.
            paths: One or more folders to search or files to load.
            bands: Names of the bands, in the order of the model (defaults to all bands
                of the dataset).
            dataset_args: Further arguments of the dataset, such as ``crs`` or ``res``.
            nodata: Value of all bands where there is no data; TorchGeo fills in 0
                around files that do not say otherwise.
            times: Whether 'each' time is shown for itself, or files of all times are
                to 'merge', of which the first ones win.
            predict_paths: Folders or files to predict (defaults to *paths*).
            batch_size: Number of patches per batch.
            patch_size: Height and width of training patches in pixels.
            length: Number of training patches per epoch.
            tile_size: Height and width of the tiles of validation, testing and
                prediction in pixels.
            margin: Context around each tile in prediction in pixels; the default is
                more than what decides a pixel at any mask stride (92 on each side at
                most), so that tiles meet without seams.
            num_workers: Number of workers for parallel data loading.
            seed: Seed of the training patches.

        Raises:
            ValueError: If an argument is out of its range.
        """
        if times not in ('each', 'merge'):
            raise ValueError(f"times={times!r} must be 'each' or 'merge'")
        if not 1 <= batch_size <= length:
            msg = f'batch_size={batch_size} must be between 1 and length={length}, '
            raise ValueError(f'{msg}the number of training patches per epoch')
        if tile_size < 1 or margin < 0:
            msg = f'tile_size={tile_size} must be at least 1 and margin={margin} at '
            raise ValueError(msg + 'least 0')
        kwargs = {'transforms': MarkNodata(nodata)} | (dataset_args or {})
        if bands is not None:
            kwargs['bands'] = tuple(bands)
        super().__init__(
            dataset_class, batch_size, patch_size, length, num_workers, **kwargs
        )
        self.paths = paths
        self.times = times
        self.predict_paths = predict_paths
        self.tile_size = tile_size
        self.margin = margin
        self.seed = seed

    def setup(self, stage: str) -> None:
        """Set up datasets and samplers.

        Args:
            stage: Either 'fit', 'validate', 'test', or 'predict'.

        Raises:
            DatasetNotFoundError: If there is no file of the dataset in *paths*.
            ValueError: If no patch fits into a file.
        """
        paths = self.predict_paths if stage == 'predict' else None
        make: Any = self.dataset_class
        dataset = make(paths=paths or self.paths, **self.kwargs)
        if stage == 'fit':
            patches = ValidPatchSampler(
                dataset,
                size=self.patch_size,
                length=self.length,
                min_valid=0,
                seed=self.seed,
            )
            self.train_dataset = dataset
            self.train_sampler = patches
            if self.times == 'each':
                self.train_sampler = patches @ RandomTimestampSampler(
                    dataset, generator=self.seed
                )
        split = TILED_SPLITS[stage]
        margin = self.margin if split == 'predict' else 0
        setattr(self, f'{split}_dataset', dataset)
        setattr(self, f'{split}_sampler', self._tiles(dataset, margin))

    def _tiles(self, dataset: RasterDataset, margin: int) -> GeoSampler:
        size = self.tile_size + 2 * margin
        tiles: SpatialSampler
        try:
            tiles = PixelGridSampler(dataset, size=size, overlap=2 * margin)
        except ValueError:  # files have different pixel grids, and are resampled
            x, y, _ = dataset.bounds
            # Tiles larger than the data would be none.
            most = (math.ceil((axis.stop - axis.start) / axis.step) for axis in (y, x))
            height, width = (min(size, length) for length in most)
            tiles = GriddedPatchSampler(
                dataset, size=(height, width), stride=self.tile_size
            )
        if self.times == 'merge':
            return tiles
        return tiles @ SequentialTimestampSampler(dataset)

    def on_after_batch_transfer(self, batch: Sample, dataloader_idx: int) -> Sample:
        """Leave bands as they are.

        Args:
            batch: Batch of patches.
            dataloader_idx: Not used.

        Returns:
            The batch.
        """
        return batch
