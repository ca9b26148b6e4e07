# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Validation and test of a task, and what is logged and drawn."""

import math
import os
from typing import Any, Literal

import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from ..datasets import core_pixels
from ..datasets.sample import Sample
from ..inference.prediction import Predictor
from ..losses import KTexturesLoss
from ..metrics import ClusterMatching
from .figure import plot_model


class EvaluationMixin(Predictor, LightningModule):
    """Computes losses and scores of a fitted model, and shows what it makes of a scene.

    Scores need masks in the batches: classes are matched with those of the masks.
    """

    criterion: KTexturesLoss
    val_metrics: ClusterMatching
    test_metrics: ClusterMatching

    #: What the training was fitted to: batches of images and of their validity.
    sample: tuple[list[Tensor], list[Tensor]]

    #: What is shown when training ends: the first batch of the last validation.
    shown: tuple[Tensor, Tensor] | None = None

    #: Whether to draw a picture when training ends.
    draws = True

    def validation_step(
        self, batch: Sample, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Compute the validation loss and plot the first batches.

        Args:
            batch: The output of your DataLoader.
            batch_idx: Integer displaying index of this batch.
            dataloader_idx: Index of the current dataloader.
        """
        if not self.fitted:
            return  # the sanity check before training
        self._evaluate('val', batch)
        if batch_idx == 0:
            self.shown = self._inputs(batch)
        writer: Any = getattr(self.logger, 'experiment', None)
        if batch_idx < 10 and hasattr(writer, 'add_figure'):
            figure = plot_model(self.model, *self._inputs(batch), self._title())
            writer.add_figure(f'image/{batch_idx}', figure, self.global_step)

    def test_step(self, batch: Sample, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Compute the test loss and, with masks, the matched accuracy and mIoU.

        Args:
            batch: The output of your DataLoader.
            batch_idx: Integer displaying index of this batch.
            dataloader_idx: Index of the current dataloader.
        """
        self._evaluate('test', batch)

    def _evaluate(self, split: Literal['val', 'test'], batch: Sample) -> None:
        image, valid = self._inputs(batch)
        noise = torch.Generator().manual_seed(0)
        parts = self.criterion(self.model, image, valid, generator=noise)
        self._log_parts(split, parts, len(image))
        if 'mask' in batch:
            metric = self.val_metrics if split == 'val' else self.test_metrics
            labels = self.model(image, valid).argmax(1)
            target = batch['mask'].reshape(labels.shape)
            keep = (valid[:, 0] > 0) & core_pixels(batch, labels)
            metric.update(labels[keep], target[keep])

    def _log_parts(self, split: str, parts: dict[str, Tensor], size: int) -> None:
        def log(name: str, value: Tensor, **kwargs: Any) -> None:
            # Processes agree at the end of an epoch; in training each step is logged.
            sync = split != 'train'
            self.log(
                f'{split}_{name}', value, batch_size=size, sync_dist=sync, **kwargs
            )

        # Phases have different terms; what both have is comparable. Where nothing is
        # simulated, cross-entropy is all there is.
        log('loss', parts.get('similarity', parts['assignment']), prog_bar=True)
        for name, value in parts.items():
            if name not in ('loss', 'similarity', 'occupancy'):
                log(name, value)
        occupancy = parts['occupancy']
        entropy = -(occupancy * occupancy.clamp(min=1e-12).log()).sum()
        log('entropy', entropy / math.log(len(occupancy)), prog_bar=True)
        # Many numbers, of which loggers take those of some steps.
        every = self.trainer.log_every_n_steps if self.loggers else 0  # type: ignore[attr-defined]
        if split != 'train' or (every and (self.global_step + 1) % every == 0):
            for i, share in enumerate(occupancy):
                log(f'occupancy_{i}', share)

    def on_validation_start(self) -> None:
        """Refuse to validate an unfitted model."""
        if not self.trainer.sanity_checking:
            self._require_fitted('validate')

    def on_test_start(self) -> None:
        """Refuse to test an unfitted model."""
        self._require_fitted('test')

    def on_validation_epoch_end(self) -> None:
        """Log the metrics of the epoch."""
        self._log_metrics('val', self.val_metrics)

    def on_test_epoch_end(self) -> None:
        """Log the metrics of the epoch."""
        self._log_metrics('test', self.test_metrics)

    def _log_metrics(self, split: str, metric: ClusterMatching) -> None:
        if metric.update_called:
            for name, value in metric.compute().items():
                self.log(f'{split}_{name}', value)
        metric.reset()

    def on_train_end(self) -> None:
        """Plot the first scene to ``ktextures.png`` in the folder of the logs."""
        trainer = self.trainer
        folder = trainer.log_dir or trainer.default_root_dir
        silent = getattr(trainer, 'fast_dev_run', False) or not self.draws
        if silent or not trainer.is_global_zero:
            return
        images, valids = self.sample
        image, valid = self.shown or (images[0], valids[0])
        figure = plot_model(self.model, image, valid, self._title())
        os.makedirs(folder, exist_ok=True)
        figure.savefig(os.path.join(folder, 'ktextures.png'), dpi=100)

    def _title(self) -> str:
        return f'{type(self).__name__}, {self.hparams["num_classes"]} classes'
