# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Callback that makes the textures of the finished classes."""

import torch
from lightning.pytorch import Trainer

from ..clustering import link_by_distance
from .steps import Restartable, StepCallback, part_of_sample


class FinalTextures(StepCallback):
    """Ends training with textures that look like the classes of the finished masks.

    With random masks there are none but those that the generators learned; only then is
    it known which classes are alike.
    """

    def after_step(self, trainer: Trainer, task: Restartable) -> None:
        """Make textures after the last step.

        Args:
            trainer: Trainer.
            task: Task.
        """
        if trainer.global_step != task.schedule.steps:
            return
        if task.init == 'random':
            centers = task.criterion.clusters.prior.mixture.prototypes.cpu().numpy()
            task.linkage.copy_(torch.from_numpy(link_by_distance(centers)))
            return
        module = trainer.lightning_module.eval()
        task.model.fit_textures(*part_of_sample(task))
        module.train()
