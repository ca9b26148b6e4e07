# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Callback that shortens training where colour tells the classes apart."""

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from ..models import KTexturesModel


class FewerSteps(Callback):
    """Takes fewer steps, the more of the classes local colour tells.

    One for each restart where colour tells them all, so that there is nothing to learn;
    half as many where it nearly does, and all where it says nothing and the network has
    to learn textures from the beginning. Learning rate and slope follow: training is
    shorter, not cut off.
    """

    def __init__(self, least: int = 50) -> None:
        """Initialize a new FewerSteps instance.

        Args:
            least: Number of steps that are taken at least, if there are so many and
                anything is to be learnt.
        """
        self.least = least
        self.decided = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Decide, if training goes on.

        Args:
            trainer: Trainer, of which the number of steps is set.
            pl_module: Task.
        """
        self.decided = False
        if trainer.global_step:
            self._decide(trainer, pl_module)

    def on_train_epoch_start(
        self, trainer: Trainer, pl_module: LightningModule
    ) -> None:
        """Decide, once clusters are known.

        Args:
            trainer: Trainer, of which the number of steps is set.
            pl_module: Task.
        """
        self._decide(trainer, pl_module)

    def _decide(self, trainer: Trainer, pl_module: LightningModule) -> None:
        model = getattr(pl_module, 'model', None)
        if self.decided or not isinstance(model, KTexturesModel):
            return
        self.decided = True
        steps = int(trainer.estimated_stepping_batches)
        if model.needs_network:
            share = (1 + model.prior.texture_share()) / 2
            fewer = max(self.least, round(share * steps))
        else:
            fewer = pl_module.hparams['n_init']
        trainer.fit_loop.epoch_loop.max_steps = min(fewer, steps)
