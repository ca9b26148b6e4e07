# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Data module for Planet basemaps and PlanetScope scenes."""

import copy
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal

import kornia.augmentation as K
import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torchgeo.datamodules import GeoDataModule
from torchgeo.samplers import RandomTimestampSampler, SequentialTimestampSampler
from tqdm import tqdm

from .. import __version__
from ..datasets import MapGrid, PixelWindow, PlanetBasemap, PlanetScope
from ..datasets.sample import Sample
from ..datasets.survey import combine
from ..samplers import PixelGridSampler, ValidPatchSampler
from .area_split import split_area
from .layers import Layer, find_layers


class PlanetDataModule(GeoDataModule):
    """Planet basemaps or PlanetScope scenes.

    Training draws random patches with enough valid pixels, each at one date. Validation
    and testing cover tiles that are held out at all dates, and prediction covers
    everything, date by date.

    Bands are brought to mean 0 and standard deviation 1, and invalid pixels to 0. The
    statistics are kept in the checkpoint.
    """

    #: Tells which maps need no prediction, by number.
    finished: Callable[[], Collection[int]] = tuple

    def __init__(
        self,
        paths: str | Sequence[str] = 'data',
        source: Literal['basemap', 'scope'] = 'basemap',
        product: Literal['analytic', 'visual', 'SR', 'radiance'] | None = None,
        bands: Sequence[str] | None = None,
        scale: float | None = None,
        valid_classes: Sequence[str] | None = ('clear',),
        default_date: str | None = None,
        date: str | None = None,
        on_corrupt: Literal['raise', 'warn'] = 'raise',
        predict_paths: str | Sequence[str] | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        batch_size: int = 8,
        patch_size: int = 96,
        length: int = 1920,
        min_valid: float = 0.5,
        balance: Literal['area', 'files'] = 'area',
        val_split: float = 0.1,
        test_split: float = 0.1,
        tile_size: int = 512,
        margin: int = 96,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        """Initialize a new PlanetDataModule instance.

        Args:
            paths: One or more folders to search or files to load.
            source: Whether these are quads of a 'basemap' or 'scope' scenes.
            product: 'analytic' or 'visual' quads, scenes in 'SR' or 'radiance'
                (defaults to what is there).
            bands: Names of the bands, in the order of the model (defaults to red,
                green, blue and nir).
            scale: Digital numbers are divided by this (defaults to that of the product).
            valid_classes: UDM2 classes of valid pixels of scenes, see
                :class:`~torchgeo_ktextures.datasets.PlanetScope`; None leaves UDM2 out.
            default_date: Date of the mosaics whose folder has none in its name.
            date: Only use this date, such as ``2021-06`` or ``2021-06-13`` (defaults to
                all dates, each for itself).
            on_corrupt: What to do about files that cannot be read: 'raise' an error, or
                'warn' and leave them out.
            predict_paths: Folders or files to predict (defaults to *paths*).
            mean: Mean of each band in reflectance (defaults to that of the valid pixels
                of *paths*).
            std: Standard deviation of each band, likewise.
            batch_size: Number of patches per training batch.
            patch_size: Height and width of training patches in pixels.
            length: Number of training patches per epoch.
            min_valid: Share of the pixels of a training patch that must be valid.
            balance: Whether all valid 'area' is equally likely to be trained on, or all
                'files'.
            val_split: Share of the area that is held out for validation, in tiles.
            test_split: Share of the area that is held out for testing, likewise.
            tile_size: Height and width of the tiles of validation, testing and
                prediction in pixels.
            margin: Context around each tile in prediction in pixels; the default is
                more than what decides a pixel at any mask stride (92 on each side at
                most), so that tiles meet without seams.
            num_workers: Number of workers for parallel data loading.
            seed: Seed of the split and of the training patches.

        Raises:
            ValueError: If an argument is out of its range.
        """
        if source not in ('basemap', 'scope'):
            raise ValueError(f"source={source!r} must be 'basemap' or 'scope'")
        if not 1 <= batch_size <= length:
            msg = f'batch_size={batch_size} must be between 1 and length={length}, '
            msg += 'the number of training patches per epoch'
            raise ValueError(msg)
        if tile_size < 1 or margin < 0:
            msg = f'tile_size={tile_size} must be at least 1 and margin={margin} at '
            raise ValueError(msg + 'least 0')
        if (mean is None) != (std is None):
            msg = f'mean={mean} and std={std} must be given together'
            raise ValueError(msg)
        kwargs: dict[str, Any] = {
            'product': product,
            'bands': tuple(bands) if bands else None,
            'scale': scale,
            'on_corrupt': on_corrupt,
        }
        if source == 'basemap':
            kwargs['default_date'] = default_date
        else:
            kwargs['valid_classes'] = tuple(valid_classes) if valid_classes else None
        super().__init__(
            PlanetBasemap if source == 'basemap' else PlanetScope,
            batch_size,
            patch_size,
            length,
            num_workers,
            **kwargs,
        )
        self.paths = paths
        self.date = date
        self.predict_paths = predict_paths
        self.min_valid = min_valid
        self.balance: Literal['area', 'files'] = balance
        self.val_split = val_split
        self.test_split = test_split
        self.tile_size = tile_size
        self.margin = margin
        self.seed = seed
        self.layers: list[Layer] = []
        #: Mean and standard deviation of each band, of shape ``(2, C)``.
        self.statistics: torch.Tensor | None = None
        if mean is not None and std is not None:
            self.statistics = torch.tensor([list(mean), list(std)], dtype=torch.float32)
        self.nadir_aug = K.AugmentationSequential(
            # What nadir imagery may look like: there is no up.
            K.RandomHorizontalFlip(),
            K.RandomVerticalFlip(),
            K.RandomRotation90((0, 3), p=1.0),
            data_keys=None,
            keepdim=True,
        )

    def _dataset(self, paths: str | Sequence[str]) -> PlanetBasemap | PlanetScope:
        make: Any = self.dataset_class
        dataset = make(paths=paths, **self.kwargs)
        if self.date is None:
            return dataset  # type: ignore[no-any-return]
        intervals = dataset.index.index
        try:
            period = pd.Period(self.date)
        except ValueError:
            msg = f'date={self.date!r} is not a date such as 2021-06 or 2021-06-13'
            raise ValueError(msg) from None
        span = pd.Interval(period.start_time, period.end_time, closed='both')
        keep = intervals.overlaps(span)
        if not keep.any():
            dates = sorted({f'{left:%Y-%m-%d}' for left in intervals.left})
            msg = (
                f'date={self.date!r} is not in paths={paths!r}: its {len(dates)} dates '
            )
            msg += f'begin on {", ".join(dates[:12])}'
            raise ValueError(msg)
        dataset.index = dataset.index[keep]
        return dataset  # type: ignore[no-any-return]

    def setup(self, stage: str) -> None:
        """Set up datasets and samplers.

        Args:
            stage: Either 'fit', 'validate', 'test', or 'predict'.

        Raises:
            DatasetNotFoundError: If there is no file of Planet in *paths*.
            ValueError: If the files do not fit the arguments.
        """
        if stage == 'predict':
            dataset = self._dataset(self.predict_paths or self.paths)
            grid = PixelGridSampler(
                dataset,
                size=self.tile_size + 2 * self.margin,
                overlap=2 * self.margin,
            )
            self.predict_dataset = dataset
            self.predict_grid = grid
            self.predict_sampler = grid @ SequentialTimestampSampler(dataset)
            self.layers = find_layers(dataset, grid)
            return
        dataset = self._dataset(self.paths)
        area = split_area(
            dataset, self.tile_size, self.val_split, self.test_split, self.seed
        )
        if stage == 'fit':
            patches = ValidPatchSampler(
                dataset,
                size=self.patch_size,
                length=self.length,
                min_valid=self.min_valid,
                balance=self.balance,
                roi=area.train,
                seed=self.seed,
            )
            self.train_dataset = dataset
            self.train_sampler = patches @ RandomTimestampSampler(
                dataset, generator=self.seed
            )
            self._estimate(dataset)
        for split, roi in (('val', area.val), ('test', area.test)):
            grid = PixelGridSampler(dataset, size=self.tile_size, roi=roi)
            dates = grid @ SequentialTimestampSampler(dataset)
            setattr(self, f'{split}_dataset', dataset if roi is not None else None)
            setattr(self, f'{split}_sampler', dates)

    def _estimate(self, dataset: PlanetBasemap | PlanetScope) -> None:
        if self.statistics is not None:
            return
        files = tqdm(
            sorted(set(dataset.index.filepath)),
            desc='Statistics',
            unit='file',
            delay=5,
            leave=False,
        )
        found = combine(dataset.survey(file) for file in files)
        assert found is not None  # a patch was drawn
        statistics = np.stack(found) / dataset.scale
        self.statistics = torch.from_numpy(statistics).float()

    def state_dict(self) -> dict[str, Any]:
        """State that goes into checkpoints: what bands are normalized with."""
        return {'statistics': self.statistics}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Normalize as the checkpoint did.

        Args:
            state_dict: State of a checkpoint.
        """
        self.statistics = state_dict['statistics']

    def on_after_batch_transfer(self, batch: Sample, dataloader_idx: int) -> Sample:
        """Normalize and, in training, augment a batch.

        Args:
            batch: Batch of patches.
            dataloader_idx: Not used.

        Returns:
            The batch.

        Raises:
            ValueError: If the statistics do not fit the bands.
        """
        if self.statistics is None:
            self._estimate(self._dataset(self.paths))
        assert self.statistics is not None
        image = batch['image']
        mean, std = self.statistics.to(image)[:, :, None, None]
        if len(mean) != image.shape[-3]:
            msg = f'mean and std are of {len(mean)} bands, but images have '
            raise ValueError(f'{msg}{image.shape[-3]}; give one number per band')
        # A constant band has no spread to divide by.
        std = torch.where(std > 0, std, torch.ones_like(std))
        batch['image'] = (image - mean) / std * batch['mask_valid']
        if self.trainer is not None and self.trainer.training:
            batch = self.nadir_aug(batch)
        return batch

    def _dataloader_factory(self, split: str) -> DataLoader[Sample]:
        if getattr(self, f'{split}_dataset') is None and split == 'val':
            return []  # type: ignore[return-value]
        return super()._dataloader_factory(split)

    def predict_dataloader(self) -> DataLoader[Sample]:
        """Tiles of the dates that are not finished.

        Returns:
            Loader of tiles.
        """
        finished = {self.layers[i].dates for i in self.finished()}
        dataset: Any = self.predict_dataset
        rest = copy.copy(dataset)
        dates = [(t.left, t.right) not in finished for t in rest.index.index]
        rest.index = rest.index[dates]
        self.predict_sampler = self.predict_grid @ SequentialTimestampSampler(rest)
        return super().predict_dataloader()

    def predict_maps(self) -> list[MapGrid]:
        """Maps of the prediction, one per mosaic or scene.

        Returns:
            Grids of the maps.
        """
        share: Counter[Any] = Counter()
        layers = {layer.dates: layer for layer in self.layers}
        indices: Any = self.predict_sampler
        for x, y, t in indices:
            w = layers[t.start, t.stop].locate((x, y), 0)
            share[t.start, t.stop] += w.core_height * w.core_width
        settings = f'{__version__} {self.kwargs} {self.margin} {self.statistics}'
        return [
            layer.grid._replace(pixels=share[layer.dates], settings=settings)
            for layer in self.layers
        ]

    def predict_windows(self, batch: Any, indices: Sequence[Any]) -> list[PixelWindow]:
        """Places of a batch.

        Args:
            batch: Batch of the prediction.
            indices: What the sampler yielded for it.

        Returns:
            Windows in pixels of the maps.
        """
        numbers = {layer.dates: i for i, layer in enumerate(self.layers)}
        windows = []
        for x, y, t in indices:
            number = numbers[t.start, t.stop]
            windows.append(self.layers[number].locate((x, y), number))
        return windows

    def restore(self, image: Tensor, windows: Sequence[PixelWindow] = ()) -> Tensor:
        """Bring normalized bands back to reflectance.

        Args:
            image: Bands of shape ``(B, C, H, W)``.
            windows: Not used.

        Returns:
            Bands of the same shape.
        """
        assert self.statistics is not None
        mean, std = self.statistics.to(image)[:, :, None, None]
        restored: Tensor = (
            image * torch.where(std > 0, std, torch.ones_like(std)) + mean
        )
        return restored
