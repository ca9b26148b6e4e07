# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The loop over tiles, and what takes them."""

from abc import abstractmethod
from collections.abc import Collection, Sequence
from typing import Any

import numpy.typing as npt
import rasterio
import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter

from ..datasets import MapSource, PixelWindow
from ..models import MASK_STRIDES, MaskNetwork
from ..trainer import interruptible, make_trainer, quiet

type _Array = npt.NDArray[Any]

#: Bytes of decoded pixels that GDAL keeps while tiles are predicted.
_CACHE = 32 * 2**20


class TileSink(BasePredictionWriter):
    """Takes the cores of tiles, which cover each image without overlap."""

    #: Data module of the prediction.
    source: MapSource

    #: What is taken of predictions.
    kinds: Collection[str] = ('labels',)

    #: Whether bands are taken as they were read, and not as the network sees them.
    restores = False

    def __init__(self) -> None:
        """Initialize a new TileSink instance."""
        super().__init__('batch')

    @abstractmethod
    def _take(self, w: PixelWindow, image: _Array, cores: dict[str, _Array]) -> None:
        """Take the core of a tile: bands (C, h, w), and arrays (h, w) by kind."""

    def write_on_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        prediction: Any,
        batch_indices: Sequence[int] | None,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Take the cores of a batch of tiles.

        Args:
            trainer: Not used.
            pl_module: Not used.
            prediction: Dictionary with ``labels`` (B, H, W), -1 where invalid, or
                with ``probabilities`` (B, C, H, W), as supervised tasks return them.
            batch_indices: What the sampler yielded for the batch.
            batch: Batch of the prediction.
            batch_idx: Not used.
            dataloader_idx: Not used.
        """
        windows = self.source.predict_windows(batch, batch_indices or ())
        images = batch['image']
        if self.restores:
            images = self.source.restore(images, windows)
        if 'labels' not in prediction:
            found = prediction['probabilities'].argmax(1)
            invalid = batch['mask_valid'].reshape(found.shape) <= 0
            prediction['labels'] = found.masked_fill(invalid, -1)
        values = {kind: prediction[kind].cpu().numpy() for kind in self.kinds}
        for i, w in enumerate(windows):
            rows, cols = w.core_in_tile
            cores = {kind: tiles[i, rows, cols] for kind, tiles in values.items()}
            self._take(w, images[i, :, rows, cols].cpu().numpy(), cores)
        prediction.clear()


def predict_tiles(
    task: LightningModule,
    data: LightningDataModule,
    sink: TileSink,
    device: str = 'auto',
    verbose: bool = False,
) -> None:
    """Predict images tile by tile, with memory that does not depend on their size.

    Args:
        task: Fitted task.
        data: Data module of the images.
        sink: Callback that takes the tiles.
        device: See :func:`~torchgeo_ktextures.trainer.make_trainer`.
        verbose: Whether to show progress.
    """
    trainer = make_trainer(device, verbose, [sink])
    with (
        # Tiles overlap, so GDAL is to keep what it decoded, but not for long.
        rasterio.Env(GDAL_CACHEMAX=_CACHE),
        quiet(verbose),
        interruptible(),
        torch.random.fork_rng(),
    ):
        trainer.predict(task, datamodule=data, return_predictions=False)


def margin_of(mask_stride: int) -> int:
    """Context that tiles need around them.

    Args:
        mask_stride: Scale in pixels at which classes may change.

    Returns:
        Half of the receptive field, rounded up to the grid of the coarsest features.
    """
    coarsest = MASK_STRIDES[-1]
    with torch.device('meta'):  # no weights, no random numbers
        half = -(-MaskNetwork(3, 2, mask_stride).receptive_field // 2)
    return -(-half // coarsest) * coarsest
