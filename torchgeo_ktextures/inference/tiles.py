# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The loop over tiles, and what takes them."""

import sys
from abc import abstractmethod
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy.typing as npt
import rasterio
import torch
from tqdm import tqdm

from ..datamodules.scenes import RasterScenes
from ..datasets import MapSource, PixelWindow
from ..datasets.sample import Sample
from ..devices import find_device
from ..models import MASK_STRIDES
from .loop import OneProcess, in_threads
from .prediction import TileModel

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule

type _Array = npt.NDArray[Any]

#: Bytes of decoded pixels that GDAL keeps while tiles are predicted.
_CACHE = 32 * 2**20


class TileSink:
    """Takes the cores of tiles, which cover each image without overlap.

    Its methods are those of callbacks of Lightning, so that it can become one.
    """

    #: Data module of the prediction.
    source: MapSource

    #: What is taken of predictions.
    kinds: Collection[str] = ('labels',)

    #: Whether bands are taken as they were read, and not as the network sees them.
    restores = False

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Look at what is to be predicted.

        Args:
            trainer: Trainer, or what stands for it.
            pl_module: What predicts.
            stage: Stage that begins.
        """

    def on_predict_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin.

        Args:
            trainer: Trainer, or what stands for it.
            pl_module: What predicts.
        """

    def on_predict_end(self, trainer: Any, pl_module: Any) -> None:
        """Finish.

        Args:
            trainer: Trainer, or what stands for it.
            pl_module: What predicts.
        """

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Give up what is left.

        Args:
            trainer: Trainer, or what stands for it.
            pl_module: What predicts.
            stage: Stage that ends.
        """

    @abstractmethod
    def _take(self, w: PixelWindow, image: _Array, cores: dict[str, _Array]) -> None:
        """Take the core of a tile: bands (C, h, w), and arrays (h, w) by kind."""

    def write_on_batch_end(
        self,
        trainer: Any,
        pl_module: Any,
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
                with ``probabilities`` (B, C, H, W), as supervised tasks return them, or
                these alone.
            batch_indices: What the sampler yielded for the batch.
            batch: Batch of the prediction.
            batch_idx: Not used.
            dataloader_idx: Not used.
        """
        windows = self.source.predict_windows(batch, batch_indices or ())
        images = batch['image']
        if self.restores:
            images = self.source.restore(images, windows)
        if isinstance(prediction, torch.Tensor):
            prediction = {'probabilities': prediction}
        if 'labels' not in prediction:
            shares = prediction['probabilities']
            # Of two classes, only the second has a probability.
            found = (
                (shares > 0.5)[:, 0].long()
                if shares.shape[1] == 1
                else shares.argmax(1)
            )
            if 'mask_valid' in batch:
                invalid = batch['mask_valid'].reshape(found.shape) <= 0
                found = found.masked_fill(invalid, -1)
            prediction['labels'] = found
        values = {kind: prediction[kind].cpu().numpy() for kind in self.kinds}
        for i, w in enumerate(windows):
            rows, cols = w.core_in_tile
            cores = {kind: tiles[i, rows, cols] for kind, tiles in values.items()}
            self._take(w, images[i, :, rows, cols].cpu().numpy(), cores)
        prediction.clear()


def predict_tiles(
    task: 'TileModel | LightningModule',
    data: RasterScenes,
    sink: TileSink,
    device: str = 'auto',
    verbose: bool = False,
) -> None:
    """Predict images tile by tile, with memory that does not depend on their size.

    Args:
        task: Fitted task, or another network that predicts tiles.
        data: Images, or a data module of them.
        sink: What takes the tiles.
        device: See :func:`~torchgeo_ktextures.devices.find_device`.
        verbose: Whether to show progress.
    """
    where = find_device(device)
    run: Any = OneProcess(data, [sink])
    task.trainer = run
    task.eval().to(where)
    with (
        # Tiles overlap, so GDAL is to keep what it decoded, but not for long.
        rasterio.Env(GDAL_CACHEMAX=_CACHE),
        torch.random.fork_rng(),
        torch.inference_mode(),
    ):
        data.setup('predict')
        try:
            sink.setup(run, task, 'predict')
            loader = data.predict_dataloader()
            task.on_predict_start()
            sink.on_predict_start(run, task)
            _run(task, run, sink, _shown(loader, verbose), where)
            sink.on_predict_end(run, task)
            task.on_predict_end()
        finally:
            sink.teardown(run, task, 'predict')
            task.trainer = None


def _run(
    task: 'TileModel | LightningModule',
    run: OneProcess,
    sink: TileSink,
    batches: Iterable[Sample],
    device: torch.device,
) -> None:
    """Predict batches and hand them over."""
    # Only cores are taken.
    task.cores_only = True

    @torch.inference_mode()
    def compute(batch: Sample) -> Any:
        there = {name: value.to(device) for name, value in batch.items()}
        return task.predict_step(there, 0)

    try:
        for i, (batch, found) in enumerate(in_threads(compute, batches, device)):
            sink.write_on_batch_end(run, task, found, None, batch, i, 0)
    finally:
        task.cores_only = False


def _shown[T](batches: Iterable[T], verbose: bool) -> Iterable[T]:
    """Batches with a bar of progress, if that is a terminal."""
    # Bars rewrite their line, which files of logs do not take.
    if not (verbose and sys.stdout.isatty()):
        return batches
    bar: Iterable[T] = tqdm(batches, 'Predicting', unit='tile', file=sys.stdout)
    return bar


def margin_of(context: int) -> int:
    """Context that tiles need around them.

    Args:
        context: Number of pixels around a pixel that decide what it is.

    Returns:
        Number of pixels, on the grid of the coarsest features.
    """
    coarsest = MASK_STRIDES[-1]
    return -(-context // coarsest) * coarsest
