# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Data module for any RGB-NIR rasters."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Sampler
from torchgeo.datamodules import BaseDataModule
from torchgeo.datasets import stack_samples
from torchgeo.datasets.utils import Sample

from ..datasets import (
    DEFAULT_BANDS,
    MapGrid,
    Olinda,
    PixelWindow,
    RasterWindows,
    Windows,
    open_raster,
)
from ..samplers import GridWindowSampler, RandomWindowSampler
from .prefetch import PrefetchLoader


class RasterDataModule(BaseDataModule):
    """Any RGB-NIR rasters, each on its own grid.

    Training draws random patches; validation, testing and prediction cover each raster
    with tiles. Bands are only divided by *scale*: normalization is part of the model,
    so that a checkpoint treats other scenes as it treated those it was trained on.
    """

    mean = torch.tensor(0)
    std = torch.tensor(1)

    #: Tells which maps need no prediction, by number.
    finished: Callable[[], Collection[int]] = tuple

    def __init__(
        self,
        paths: str | Sequence[str] = 'olinda',
        bands: Sequence[str | int] = DEFAULT_BANDS,
        all_bands: Sequence[str] | None = None,
        scale: float = 1,
        nodata: float | None = None,
        mask_paths: str | Sequence[str] | None = None,
        predict_paths: str | Sequence[str] | None = None,
        batch_size: int = 8,
        patch_size: int = 96,
        length: int = 1920,
        balance: Literal['area', 'paths'] = 'area',
        tile_size: int = 512,
        predict_tile_size: int = 768,
        margin: int = 96,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        """Initialize a new RasterDataModule instance.

        Args:
            paths: Rasters, or folders of GeoTIFF files, or ``olinda`` for the shipped
                scene.
            bands: Names or 1-based indexes of the bands, in the order of the model:
                red, green, blue, near infrared.
            all_bands: Names of the bands of the files in file order (defaults to the
                names in the files, else red, green, blue, nir).
            scale: Digital numbers are divided by this.
            nodata: Value that means no data (defaults to that of each file).
            mask_paths: Label rasters of the same sizes, or folders of them, with the
                file names of the rasters up to the extension. Only used to validate
                and test.
            predict_paths: Rasters to predict (defaults to *paths*).
            batch_size: Number of patches per training batch.
            patch_size: Height and width of training patches in pixels.
            length: Number of training patches per epoch.
            balance: Whether all valid 'area' is equally likely to be trained on, or
                all entries of 'paths', such as folders of different sensors.
            tile_size: Height and width of the tiles of validation and testing in
                pixels.
            predict_tile_size: Height and width of the tiles of prediction in pixels;
                memory grows with it, and the work for margins falls.
            margin: Context around each tile in pixels, so that tiles meet without
                seams.
            num_workers: Number of workers for parallel data loading.
            seed: Seed of the training patches.

        Raises:
            ValueError: If *batch_size* exceeds *length*, or one is not positive.
        """
        super().__init__(RasterWindows, batch_size, num_workers)
        if not 1 <= batch_size <= length:
            msg = f'batch_size={batch_size} must be between 1 and length={length}, '
            msg += 'the number of training patches per epoch'
            raise ValueError(msg)
        self.paths = paths
        self.bands = bands
        self.all_bands = all_bands
        self.scale = scale
        self.nodata = nodata
        self.mask_paths = mask_paths
        self.predict_paths = predict_paths
        self.patch_size = patch_size
        self.length = length
        self.balance: Literal['area', 'paths'] = balance
        self.tile_size = tile_size
        self.predict_tile_size = predict_tile_size
        self.margin = margin
        self.seed = seed
        self.aug = nn.Identity()
        self.samplers: dict[str, Sampler[PixelWindow]] = {}

    def _dataset(
        self, paths: str | Sequence[str], mask_paths: str | Sequence[str] | None = None
    ) -> Windows:
        return RasterWindows(
            Olinda.path if paths == 'olinda' else paths,
            bands=self.bands,
            all_bands=self.all_bands,
            scale=self.scale,
            nodata=self.nodata,
            mask_paths=mask_paths,
        )

    def setup(self, stage: str) -> None:
        """Set up datasets and samplers.

        Args:
            stage: Either 'fit', 'validate', 'test', or 'predict'.

        Raises:
            FileNotFoundError: If a path does not exist or holds no raster.
            ValueError: If a raster does not fit the arguments.
        """
        if stage == 'predict':
            dataset = self._dataset(self.predict_paths or self.paths)
        else:
            dataset = self._dataset(self.paths, self.mask_paths)
        size = self.predict_tile_size if stage == 'predict' else self.tile_size
        grid = GridWindowSampler(dataset, size, self.margin)
        if stage == 'fit':
            self.train_dataset = dataset
            self.samplers['train'] = RandomWindowSampler(
                dataset, self.patch_size, self.length, self.seed, self.balance
            )
        for split, stages in {
            'val': ('fit', 'validate'),
            'test': ('test',),
            'predict': ('predict',),
        }.items():
            if stage in stages:
                setattr(self, f'{split}_dataset', dataset)
                self.samplers[split] = grid

    def _dataloader(self, split: str) -> DataLoader[Sample]:
        train = split == 'train'
        loader = DataLoader if train else PrefetchLoader
        return loader(
            self._valid_attribute(f'{split}_dataset'),
            # Tiles at the edges are smaller, so they cannot be stacked.
            batch_size=self.batch_size if train else 1,
            sampler=self.samplers[split],
            num_workers=self.num_workers,
            collate_fn=stack_samples,
            drop_last=train,
            persistent_workers=self.num_workers > 0,
        )

    def train_dataloader(self) -> DataLoader[Sample]:
        """Random patches for training."""
        return self._dataloader('train')

    def sample_dataloader(self, count: int) -> DataLoader[Sample]:
        """Patches that stand for all training data, whatever the seed.

        Args:
            count: Number of patches at most.

        Returns:
            Loader of patches of a grid over all rasters.
        """
        sampler = self.samplers['train']
        assert isinstance(sampler, RandomWindowSampler)
        return DataLoader(
            sampler.dataset,
            batch_size=self.batch_size,
            sampler=sampler.spread(count),
            collate_fn=stack_samples,
        )

    def val_dataloader(self) -> DataLoader[Sample]:
        """Tiles of all rasters for validation."""
        return self._dataloader('val')

    def test_dataloader(self) -> DataLoader[Sample]:
        """Tiles of all rasters for testing."""
        return self._dataloader('test')

    def predict_dataloader(self) -> DataLoader[Sample]:
        """Tiles of all rasters for prediction."""
        grid = self.samplers['predict']
        assert isinstance(grid, GridWindowSampler)
        grid.skip(self.finished())
        return self._dataloader('predict')

    def predict_maps(self) -> list[MapGrid]:
        """Maps of the prediction, one per raster, on its own grid.

        Returns:
            Grids of the maps.
        """
        share: Counter[int] = Counter()
        for w in self.samplers['predict']:
            share[w.file] += w.core_height * w.core_width
        maps = []
        for i, file in enumerate(self._valid_attribute('predict_dataset').files):
            with open_raster(file) as src:
                grid = MapGrid(
                    Path(file).stem,
                    [file],
                    src.height,
                    src.width,
                    pixels=share[i],
                    crs=src.crs,
                    transform=None if src.transform.is_identity else src.transform,
                    gcps=src.gcps,
                    bands=list(map(str, self.bands)),
                    settings=f'{self.bands} {self.all_bands} {self.scale} '
                    f'{self.nodata} {self.margin}',
                )
                maps.append(grid)
        return maps

    def predict_windows(
        self, batch: Sample, indices: Sequence[PixelWindow]
    ) -> list[PixelWindow]:
        """Places of a batch.

        Args:
            batch: Batch of the prediction.
            indices: Not used.

        Returns:
            Windows in pixels of the maps.
        """
        return [PixelWindow(*window) for window in batch['window'].tolist()]

    def restore(self, image: Tensor) -> Tensor:
        """Bands as they were read: nothing is normalized here.

        Args:
            image: Bands of shape ``(B, C, H, W)``.

        Returns:
            The same bands.
        """
        return image
