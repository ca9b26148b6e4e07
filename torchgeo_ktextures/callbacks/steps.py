# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Callbacks that act after each step of the optimizer."""

from collections.abc import Sequence
from typing import Any, Protocol, cast

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from ..clustering import Init
from ..losses import KTexturesLoss
from ..models import KTexturesModel
from .schedule import Schedule


class Restartable(Protocol):
    """What the callbacks need of :class:`~torchgeo_ktextures.tasks.KTextures`."""

    model: KTexturesModel
    criterion: KTexturesLoss
    sample: tuple[Sequence[Tensor], Sequence[Tensor]]
    init: Init
    linkage: Tensor

    @property
    def schedule(self) -> Schedule:
        """Division of the steps among restarts."""

    def sample_labels(self) -> Sequence[Tensor | None]:
        """Classes of the cells of each batch of the sample, if they are known."""

    def restart(self) -> None:
        """Begin from new weights and new classes."""


def part_of_sample(task: Restartable) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
    """Take some 64 patches, which is enough for statistics of finished masks.

    Args:
        task: Task.

    Returns:
        Batches of bands of shape ``(B, C, H, W)``, and of their validity, of shape
        ``(B, 1, H, W)``.
    """
    images, valids = task.sample
    every = -(-sum(map(len, images)) // 64)
    return images[::every], valids[::every]


class StepCallback(Callback):
    """Callback that acts after a step, of one batch or, accumulated, of several.

    Lightning calls it before it writes checkpoints, which so hold what it changes.
    """

    #: Number of steps that it has seen.
    seen = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take up the count of steps.

        Args:
            trainer: Trainer.
            pl_module: Task.
        """
        self.seen = trainer.global_step

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *args: Any
    ) -> None:
        """Act, if the batch was the last one of a step.

        Args:
            trainer: Trainer.
            pl_module: Task.
            *args: Not used.
        """
        if trainer.global_step > self.seen:
            self.seen = trainer.global_step
            self.after_step(trainer, cast(Restartable, pl_module))

    def after_step(self, trainer: Trainer, task: Restartable) -> None:
        """Act.

        Args:
            trainer: Trainer.
            task: Task.
        """
        raise NotImplementedError
