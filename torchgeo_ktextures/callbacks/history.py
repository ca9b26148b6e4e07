# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Callback that remembers what was logged."""

from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from .losses import Losses


class History(Losses, Callback):
    """Keeps the logged losses of each step in memory."""

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Remember.

        Args:
            trainer: Trainer.
            pl_module: Task.
            outputs: Not used.
            batch: Not used.
            batch_idx: Not used.
        """
        for name, value in trainer.callback_metrics.items():
            if name.startswith('train_'):
                series = self.values.setdefault(name.removeprefix('train_'), [])
                series.append((trainer.global_step, float(value)))
