# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Estimation from training data, and restarts that keep the lowest loss."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torchgeo.datasets.utils import Sample

from ..clustering import Init, Initialization
from ..losses import KTexturesLoss
from ..models import KTexturesModel
from .initialization import begin, estimate_statistics
from .outlier_warning import warn_of_outliers
from .prediction import PredictionMixin

#: Number of patches of the sample, about, that batch normalization is calibrated on.
_CALIBRATION = 64


class RestartMixin(PredictionMixin):
    """Fits statistics and clusters, and divides the steps among restarts."""

    criterion: KTexturesLoss

    #: What classes begin with, and what was found.
    init: Init = 'mixture'
    initialization: Initialization

    #: Means of the weights of the mask network over the steps of this restart, and the
    #: number of these.
    average: Sequence[Tensor] = ()
    averaged = 0

    def on_train_start(self) -> None:
        """Estimate statistics and clusters on a sample of the training data.

        Raises:
            ValueError: If the data does not fit the arguments.
        """
        self.sample = self._draw_sample()
        if self.global_step == 0:
            self.best_loss = math.inf
            self.best_state: dict[str, Any] | None = None
            pooled = estimate_statistics(self.model, self.criterion, *self.sample)
            data = getattr(self.trainer, 'datamodule', None)
            scale = getattr(data, 'scale', 1)
            warn_of_outliers(self.model.normalizer, *self.sample, scale)
            self.fitted.fill_(True)
            self._start_restart(pooled)
        elif self.average:
            self.average = [mean.to(self.device) for mean in self.average]
        else:  # what had ended goes on
            self._start_average()

    def _draw_sample(self) -> tuple[list[Tensor], list[Tensor]]:
        count: int = self.hparams['init_patches']
        data: Any = getattr(self.trainer, 'datamodule', None)
        # What stands for all data, if the data module knows: then classes do not
        # depend on which patches are drawn first.
        if hasattr(data, 'sample_dataloader'):
            loader = cast(Iterable[Sample], data.sample_dataloader(count))
        else:
            loader = cast(Iterable[Sample], self.trainer.train_dataloader)
        images: list[Tensor] = []
        valids: list[Tensor] = []
        for batch in loader:
            # This calls the hooks of the data module as well.
            batch = self.trainer.strategy.batch_to_device(batch)
            image, valid = self._inputs(batch)
            images.append(image)
            valids.append(valid)
            if sum(map(len, images)) >= count:
                break
        return images, valids

    def _start_restart(self, pooled: Sequence[Tensor] | None = None) -> None:
        """Begin from new weights and new clusters."""
        h = self.hparams
        fresh = KTexturesModel(h['in_channels'], h['num_classes'], h['mask_stride'])
        fresh.normalizer.load_state_dict(self.model.normalizer.state_dict())
        self.model.load_state_dict(fresh.state_dict())
        # Whoever seeds torch seeds the clusters.
        seed = int(torch.randint(2**31 - 1, ()))
        self.initialization = begin(
            self.model, self.criterion, *self.sample, seed, pooled, self.init
        )
        for optimizer in self.trainer.optimizers:
            optimizer.state.clear()
        self._start_average()
        if self.trainer.world_size > 1:
            # Ranks drew different samples: all go on from the first one's.
            state = self.trainer.strategy.broadcast(self.state_dict())
            self.load_state_dict(state)

    def _steps(self) -> int:
        """Number of steps of a restart."""
        total = int(self.trainer.estimated_stepping_batches)
        return max(1, total // int(self.hparams['n_init']))

    def _progress(self, step: int) -> float:
        """Share of its restart that is done before a step."""
        last: int = self.hparams['n_init'] - 1
        restart = min(step // self._steps(), last)
        total = int(self.trainer.estimated_stepping_batches)
        length = self._steps() if restart < last else total - last * self._steps()
        return min(1.0, (step - restart * self._steps()) / max(length, 1))

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Step, and go on to the next restart when it is time.

        Args:
            *args: Passed on to the optimizer.
            **kwargs: Passed on to the optimizer.
        """
        super().optimizer_step(*args, **kwargs)
        self._add_to_average()
        n_init: int = self.hparams['n_init']
        done = self.global_step + 1
        last = done == int(self.trainer.estimated_stepping_batches)
        if not last and (done % self._steps() or done // self._steps() >= n_init):
            return
        # Before any callback sees this step, so that checkpoints hold the result.
        self._take_average()
        every = -(-sum(map(len, self.sample[0])) // _CALIBRATION)
        self.model.calibrate(*(values[::every] for values in self.sample))
        if n_init == 1:
            return
        loss = self._sample_loss()
        if loss < self.best_loss:
            self.best_loss = loss
            state = {**self.model.state_dict(prefix='model.')}
            state |= self.criterion.clusters.state_dict(prefix='criterion.clusters.')
            self.best_state = {name: value.clone() for name, value in state.items()}
        if last:
            assert self.best_state is not None
            self.load_state_dict(self.best_state, strict=False)
        else:
            self._start_restart()

    def _start_average(self) -> None:
        network = self.model.mask_network
        self.average = [p.detach().clone() for p in network.parameters()]
        self.averaged = 0

    @torch.no_grad()
    def _add_to_average(self) -> None:
        """Average the weights of the mask network, later steps with more weight.

        Masks then depend less on which patches came last.
        """
        self.averaged += 1
        for mean, parameter in zip(self.average, self.model.mask_network.parameters()):
            mean.lerp_(parameter, 2 / (self.averaged + 1))

    @torch.no_grad()
    def _take_average(self) -> None:
        """End a restart with the averages."""
        for mean, parameter in zip(self.average, self.model.mask_network.parameters()):
            parameter.copy_(mean)
        self.average = ()

    @torch.no_grad()
    def _sample_loss(self) -> float:
        """Similarity loss on the sample the restarts are compared by."""
        self.eval()
        noise = torch.Generator().manual_seed(0)
        losses = [
            self.criterion(self.model, image, valid, generator=noise)['similarity']
            for image, valid in zip(*self.sample, strict=True)
        ]
        self.train()
        mean = torch.stack(losses).mean()
        return float(self.trainer.strategy.reduce(mean, reduce_op='mean'))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the best restart so far.

        Args:
            checkpoint: Checkpoint to add to.
        """
        checkpoint['restarts'] = {
            'loss': getattr(self, 'best_loss', math.inf),
            'state': getattr(self, 'best_state', None),
            'average': list(self.average),
            'averaged': self.averaged,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Load the best restart so far.

        Args:
            checkpoint: Checkpoint to load from.
        """
        restarts = checkpoint.get('restarts', {})
        self.best_loss = restarts.get('loss', math.inf)
        self.best_state = restarts.get('state')
        self.average = restarts.get('average', [])
        self.averaged = restarts.get('averaged', 0)
