# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Callback that begins training anew, and keeps the restart with the lowest loss."""

import math
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from .steps import Restartable, StepCallback


class Restarts(StepCallback):
    """Begins anew where the schedule of the task says so, and keeps the best restart.

    Restarts are compared by the similarity loss on the sample that classes were found
    in.
    """

    best_loss = math.inf
    best_state: dict[str, Tensor] | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the restarts of a former training.

        Args:
            trainer: Trainer.
            pl_module: Task.
        """
        super().on_train_start(trainer, pl_module)
        if not trainer.global_step:
            self.best_loss, self.best_state = math.inf, None

    def after_step(self, trainer: Trainer, task: Restartable) -> None:
        """Compare restarts, and go on to the next one or end with the best.

        Args:
            trainer: Trainer.
            task: Task.
        """
        schedule, step = task.schedule, trainer.global_step
        if schedule.restarts == 1 or not schedule.ends(step):
            return
        loss = self.loss(trainer, task)
        if loss < self.best_loss:
            self.best_loss = loss
            state = {**task.model.state_dict(prefix='model.')}
            state |= task.criterion.clusters.state_dict(prefix='criterion.clusters.')
            state['linkage'] = task.linkage
            self.best_state = {name: value.clone() for name, value in state.items()}
        if step < schedule.steps:
            task.restart()
        else:
            assert self.best_state is not None
            trainer.lightning_module.load_state_dict(self.best_state, strict=False)

    @torch.no_grad()
    def loss(self, trainer: Trainer, task: Restartable) -> float:
        """Compute the loss that restarts are compared by.

        Args:
            trainer: Trainer.
            task: Task at the end of a restart.

        Returns:
            Similarity loss on the sample, the mean over processes; the cross-entropy
            where nothing is simulated.
        """
        module = trainer.lightning_module.eval()
        noise = torch.Generator().manual_seed(0)
        losses = []
        for image, valid, labels in zip(
            *task.sample, task.sample_labels(), strict=True
        ):
            parts = task.criterion(
                task.model, image, valid, generator=noise, labels=labels
            )
            losses.append(parts.get('similarity', parts['assignment']))
        module.train()
        mean = torch.stack(losses).mean()
        return float(trainer.strategy.reduce(mean, reduce_op='mean'))

    def state_dict(self) -> dict[str, Any]:
        """Keep the best restart so far.

        Returns:
            State for a checkpoint.
        """
        return {'loss': self.best_loss, 'state': self.best_state}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the best restart so far.

        Args:
            state_dict: State of a checkpoint.
        """
        self.best_loss, self.best_state = state_dict['loss'], state_dict['state']
