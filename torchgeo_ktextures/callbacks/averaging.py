# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Callback that averages the weights of the mask network."""

from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from .steps import Restartable, StepCallback, part_of_sample


def _average(mean: Tensor, value: Tensor, count: Tensor | int) -> Tensor:
    """Give step t the weight 2 / (t + 1): later steps count more."""
    return mean.lerp(value, 2 / (int(count) + 2))


class MaskAveraging(StepCallback):
    """Ends each restart with an average of the weights of the mask network.

    Masks then depend less on which patches came last. Lightning's ``WeightAveraging``
    knows no restarts, also averages extractors and generators, and puts the average in
    place after the last checkpoint.
    """

    average: AveragedModel | None = None

    #: State of a checkpoint, until training goes on from it.
    saved: Mapping[str, Any] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin an average, unless a former one goes on.

        Args:
            trainer: Trainer.
            pl_module: Task.
        """
        super().on_train_start(trainer, pl_module)
        if self.average is None or self.saved or not trainer.global_step:
            network = pl_module.get_submodule('model.mask_network')
            self.average = AveragedModel(network, avg_fn=_average)
        if self.saved:
            self.average.load_state_dict(self.saved)
            self.saved = {}
        self.average.to(pl_module.device)

    @torch.no_grad()
    def after_step(self, trainer: Trainer, task: Restartable) -> None:
        """Add to the average, and let it be the result at the end of a restart.

        Args:
            trainer: Trainer.
            task: Task.
        """
        assert self.average is not None
        network = task.model.mask_network
        self.average.update_parameters(network)
        if not task.schedule.ends(trainer.global_step):
            return
        for weight, mean in zip(network.parameters(), self.average.parameters()):
            weight.copy_(mean)
        self.average.n_averaged.zero_()
        task.model.calibrate(*part_of_sample(task))

    def state_dict(self) -> dict[str, Any]:
        """Keep the average.

        Returns:
            State for a checkpoint, empty between restarts.
        """
        if self.average is None or not self.average.n_averaged:
            return {}
        state: dict[str, Any] = self.average.state_dict()
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with an average, once there is a network.

        Args:
            state_dict: State of a checkpoint.
        """
        self.saved = state_dict
