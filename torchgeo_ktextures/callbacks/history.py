# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Callback that remembers what was logged."""

from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback


class History(Callback):
    """Keeps the logged losses of each step in memory."""

    def __init__(self) -> None:
        """Initialize a new History instance."""
        #: Values by name, one per step in which there was one, with the step.
        self.values: dict[str, list[tuple[int, float]]] = {}

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

    def latest(self, name: str, share: float = 0.1) -> float:
        """Mean of the last values.

        Args:
            name: Name of what was logged.
            share: Share of the values that are the last.

        Returns:
            Mean.
        """
        values = [value for _, value in self.values[name]]
        last = values[-max(1, round(share * len(values))) :]
        return sum(last) / len(last)
