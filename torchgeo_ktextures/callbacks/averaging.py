# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Callback that averages the weights of the mask network."""

from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from .steps import Restartable, StepCallback, part_of_sample


class MaskAveraging(StepCallback):
    """Ends each restart with an average of the weights of the mask network.

    Masks then depend less on which patches came last. Lightning's ``WeightAveraging``
    knows no restarts, also averages extractors and generators, and puts the average in
    place after the last checkpoint.
    """

    #: Average of all weights in a row, of shape ``(P,)``, if there is one yet.
    average: Tensor | None = None

    #: Number of steps that it is of.
    count = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin an average, unless a former one goes on.

        Args:
            trainer: Trainer.
            pl_module: Task.
        """
        super().on_train_start(trainer, pl_module)
        if not trainer.global_step:
            self.average, self.count = None, 0

    @torch.no_grad()
    def after_step(self, trainer: Trainer, task: Restartable) -> None:
        """Add to the average, and let it be the result at the end of a restart.

        Args:
            trainer: Trainer.
            task: Task.
        """
        if not task.model.needs_network:
            return
        network = task.model.mask_network
        parameters = list(network.parameters())
        weights = torch.cat([p.flatten() for p in parameters])
        self.count += 1
        if self.average is None:
            self.average = weights
        else:
            # Step t gets the weight 2 / (t + 1): later steps count more.
            share = 2 / (self.count + 1)
            self.average = self.average.to(weights).lerp_(weights, share)
        if not task.schedule.ends(trainer.global_step):
            return
        parts = self.average.split([p.numel() for p in parameters])
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.copy_(part.view(parameter.shape))
        self.average, self.count = None, 0
        task.model.calibrate(*part_of_sample(task))

    def state_dict(self) -> dict[str, Any]:
        """Keep the average.

        Returns:
            State for a checkpoint, empty between restarts.
        """
        if self.average is None:
            return {}
        return {'average': self.average, 'count': self.count}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with an average.

        Args:
            state_dict: State of a checkpoint.
        """
        self.average = state_dict.get('average')
        self.count = state_dict.get('count', 0)
