# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Callback that makes the textures of the finished classes."""

from lightning.pytorch import Trainer

from .steps import Restartable, StepCallback, part_of_sample


class FinalTextures(StepCallback):
    """Ends training with textures that look like the classes of the finished masks.

    With random masks there are none but those that the generators learned.
    """

    def after_step(self, trainer: Trainer, task: Restartable) -> None:
        """Make textures after the last step.

        Args:
            trainer: Trainer.
            task: Task.
        """
        if task.init == 'random' or trainer.global_step != task.schedule.steps:
            return
        module = trainer.lightning_module.eval()
        task.model.fit_textures(*part_of_sample(task))
        module.train()
