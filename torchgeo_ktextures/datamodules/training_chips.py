# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Data module for the chips that the export command writes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import kornia.augmentation as K
import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchgeo.datasets import stack_samples

from ..datasets import MapGrid, PixelWindow, RasterWindows
from ..datasets.sample import Sample
from ..maps.metadata import read_metadata
from ..samplers import GridWindowSampler
from .rasters import RasterDataModule

#: Networks halve images up to five times.
_MULTIPLE = 32


class TrainingChips(Dataset[Sample]):
    """Chips of a split by number, as often as it takes."""

    def __init__(
        self, scenes: Sequence[RasterWindows], size: int, length: int | None
    ) -> None:
        """Initialize a new TrainingChips instance.

        Args:
            scenes: Chips and masks of each scene. Names are unique only within one.
            size: Height and width of the chips in pixels.
            length: Number of chips to have (defaults to each once).
        """
        self.scenes = scenes
        self.windows = [
            (chips, window)
            for chips in scenes
            for window in GridWindowSampler(chips, size)
        ]
        self.length = length or len(self.windows)

    def __len__(self) -> int:
        """Return the number of chips."""
        return self.length

    def __getitem__(self, index: int) -> Sample:
        """Read a chip.

        Args:
            index: Number of the chip.

        Returns:
            A sample, see :class:`RasterWindows`.

        Raises:
            IndexError: If there is no such chip.
        """
        if not 0 <= index < self.length:
            raise IndexError(f'chip {index} is not one of {self.length}')
        chips, window = self.windows[index % len(self.windows)]
        return chips[window]

    def plot(self, sample: Sample) -> Figure:
        """Plot a sample.

        Args:
            sample: A sample returned by :meth:`__getitem__`.

        Returns:
            A figure of the image, the mask and, if any, the prediction.
        """
        return self.scenes[0].plot(sample)


class TrainingChipsDataModule(RasterDataModule):
    """Chips of images and masks, for ``torchgeo.tasks.SemanticSegmentation``.

    Training, validation and testing take the chips of their split, prediction covers
    scenes with tiles. Bands are normalized with the statistics of the training chips,
    which are in their metadata and go into checkpoints, and invalid pixels are set to
    0, the mean. Images are padded to a multiple of 32 pixels, with ignored labels.
    """

    def __init__(
        self,
        root: str | Sequence[str],
        predict_paths: str | Sequence[str] | None = None,
        bands: Sequence[str | int] | None = None,
        nodata: float | Sequence[float] | None = None,
        batch_size: int = 8,
        length: int | None = None,
        tile_size: int | None = None,
        margin: int | None = None,
        num_workers: int = 0,
    ) -> None:
        """Initialize a new TrainingChipsDataModule instance.

        Args:
            root: Folders of chips, of one or more scenes with the same classes.
            predict_paths: Rasters to predict, or 'olinda' for the shipped scene.
            bands: Names or 1-based indexes of the bands of the rasters to predict, in
                the order of the chips (defaults to the first ones).
            nodata: Values of the rasters to predict that mean no data, besides what GDAL
                takes as such.
            batch_size: Number of chips per batch.
            length: Number of training chips per epoch, each as often as it takes
                (defaults to each once).
            tile_size: Height and width of the tiles of prediction in pixels (defaults
                to half a chip).
            margin: Context around each tile in pixels (defaults to a quarter of a
                chip). A network that has only seen chips needs about as much context
                as they have, and not much more.
            num_workers: Number of workers for parallel data loading.

        Raises:
            ValueError: If a folder does not hold chips, or folders differ in classes,
                bands or scale.
        """
        roots = [root] if isinstance(root, str) else list(root)
        self.roots = [Path(folder) for folder in roots]
        #: What the chips hold.
        self.metadata = read_metadata(self.roots)
        super().__init__(
            bands=bands or list(range(1, len(self.metadata.bands) + 1)),
            scale=self.metadata.scale,
            ignore_scale=self.metadata.ignore_scale,
            nodata=nodata,
            predict_paths=predict_paths,
            batch_size=batch_size,
            length=length or batch_size,
            predict_tile_size=tile_size or -(-self.metadata.chip_size // 2),
            margin=self.metadata.chip_size // 4 if margin is None else margin,
            num_workers=num_workers,
        )
        self.epoch_length = length
        self._normalize(self.metadata.mean, self.metadata.std)
        self.nadir_aug = K.AugmentationSequential(
            # What nadir imagery may look like: there is no up.
            K.RandomHorizontalFlip(),
            K.RandomVerticalFlip(),
            K.RandomRotation90((0, 3), p=1.0),
            data_keys=None,
            keepdim=True,
        )

    def _normalize(self, mean: Sequence[float], std: Sequence[float]) -> None:
        self.mean = torch.tensor(mean, dtype=torch.float32)
        self.std = torch.tensor(std, dtype=torch.float32)
        # A constant band has no spread to divide by.
        self.std[self.std == 0] = 1

    def state_dict(self) -> dict[str, Any]:
        """State that goes into checkpoints: what bands are normalized with."""
        return {'mean': self.mean.tolist(), 'std': self.std.tolist()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Normalize as the checkpoint did.

        Args:
            state_dict: State of a checkpoint.
        """
        self._normalize(state_dict['mean'], state_dict['std'])

    def setup(self, stage: str) -> None:
        """Set up datasets and samplers.

        Args:
            stage: Either 'fit', 'validate', 'test', or 'predict'.

        Raises:
            FileNotFoundError: If a path does not exist or holds no raster.
            ValueError: If a split is empty, there is nothing to predict, or the task
                does not fit the chips.
        """
        self._check_task()
        if stage == 'predict':
            if self.predict_paths is None:
                msg = 'predict_paths=None: name the rasters to predict'
                raise ValueError(msg)
            super().setup(stage)
        elif stage == 'fit':
            self.train_dataset = self._chips('train', self.epoch_length)
            self.val_dataset = self._chips('val')
            if len(self.train_dataset) < self.batch_size:
                msg = f'batch_size={self.batch_size} is more than the '
                msg += (
                    f'{len(self.train_dataset)} training chips of an epoch; lower it, '
                )
                raise ValueError(msg + 'or set length')
        elif stage == 'validate':
            self.val_dataset = self._chips('val')
        else:
            self.test_dataset = self._chips('test')

    def _check_task(self) -> None:
        task = getattr(self.trainer, 'lightning_module', None)
        hparams = {} if task is None else task.hparams
        for name, value in {
            'num_classes': len(self.metadata.classes),
            'in_channels': len(self.metadata.bands),
            'ignore_index': self.metadata.ignore_index,
        }.items():
            if name in hparams and hparams[name] != value:
                msg = f'model.{name}={hparams[name]} does not fit the chips of '
                msg += (
                    f'{self.roots[0]}, with classes {", ".join(self.metadata.classes)} '
                )
                msg += f'and bands {", ".join(self.metadata.bands)}; set it to {value}'
                training = self.roots[0].parent / 'training.yaml'
                if training.exists():
                    msg += f', or add --config {training}'
                raise ValueError(msg)

    def _chips(self, split: str, length: int | None = None) -> TrainingChips:
        folders = [root / split for root in self.roots if (root / split).is_dir()]
        if not folders:
            msg = f'{", ".join(map(str, self.roots))}: the {split} split is empty; export '
            raise ValueError(f'{msg}again with a larger {split}_split')
        scenes = [
            RasterWindows(
                folder / 'images',
                bands=list(range(1, len(self.metadata.bands) + 1)),
                scale=self.scale,
                mask_paths=folder / 'masks',
                ignore_index=self.metadata.ignore_index,
            )
            for folder in folders
        ]
        return TrainingChips(scenes, self.metadata.chip_size, length)

    def _dataloader(self, split: str) -> DataLoader[Sample]:
        if split == 'predict':
            return super()._dataloader(split)
        return DataLoader(
            self._valid_attribute(f'{split}_dataset'),
            batch_size=self.batch_size,
            shuffle=split == 'train',
            num_workers=self.num_workers,
            collate_fn=stack_samples,
            drop_last=split == 'train',
            persistent_workers=self.num_workers > 0,
        )

    def on_after_batch_transfer(self, batch: Sample, dataloader_idx: int) -> Sample:
        """Normalize, pad and, in training, augment a batch.

        Args:
            batch: Batch of chips or tiles.
            dataloader_idx: Not used.

        Returns:
            The batch.
        """
        image = batch['image']
        mean, std = (v.to(image)[:, None, None] for v in (self.mean, self.std))
        valid = batch['mask_valid']
        batch['image'] = (image - mean) / std * valid
        height, width = image.shape[-2:]
        pad = (0, -width % _MULTIPLE, 0, -height % _MULTIPLE)
        batch['image'] = F.pad(batch['image'], pad, mode='replicate')
        batch['mask_valid'] = F.pad(valid, pad)
        if 'mask' in batch:
            batch['mask'] = F.pad(batch['mask'], pad, value=self.metadata.ignore_index)
        if self.trainer is not None and self.trainer.training:
            batch = self.nadir_aug(batch)
        return batch

    def predict_maps(self) -> list[MapGrid]:
        """Maps of the prediction, one per raster, on its own grid.

        Returns:
            Grids of the maps, with the names and colours of the classes.
        """
        return [
            grid._replace(
                classes=tuple(self.metadata.classes),
                colors=tuple((c[0], c[1], c[2], 255) for c in self.metadata.colors),
            )
            for grid in super().predict_maps()
        ]

    def restore(self, image: Tensor, windows: Sequence[PixelWindow] = ()) -> Tensor:
        """Bring normalized bands back to the units of the chips.

        Args:
            image: Bands of shape ``(B, C, H, W)``.
            windows: Not used.

        Returns:
            Bands of the same shape.
        """
        mean, std = (v.to(image)[:, None, None] for v in (self.mean, self.std))
        return image * std + mean
