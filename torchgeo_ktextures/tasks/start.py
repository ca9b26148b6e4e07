# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What a task begins with, and begins anew with after a restart."""

from collections.abc import Sequence

import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor

from ..callbacks import FewerSteps
from ..clustering import Init, Initialization
from ..models import KTexturesModel, fetch_weights
from .arguments import require_weights
from .evaluation import EvaluationMixin
from .initialization import begin, estimate_statistics
from .kept_features import KeptFeatures, LabelledSample, thin
from .outlier_warning import warn_of_outliers
from .sample import draw_sample


class StartMixin(EvaluationMixin):
    """Finds classes in a sample of the training data before training begins."""

    #: What classes begin with.
    init: Init

    #: The classes that were found before training.
    initialization: Initialization

    #: In which order they merge when there are to be fewer, as SciPy tells it.
    linkage: Tensor

    #: Features of backbones, and what is trained on if there are such.
    kept: KeptFeatures | None = None
    labelled: LabelledSample | None = None

    def on_fit_start(self) -> None:
        """Check the arguments against the extractor, and load what it lacks.

        Raises:
            ConnectionError: If weights cannot be downloaded.
            ValueError: If VGG-16 or a backbone has no weights.
        """
        if not self.fitted:
            require_weights(self.hparams['features'], self.weights)
            fetch_weights(self.criterion.similarity.extractors)

    def on_train_start(self) -> None:
        """Estimate statistics and find classes in a sample of the training data.

        Raises:
            ValueError: If the data does not fit the arguments.
        """
        count: int = self.hparams['init_patches']
        self.sample = draw_sample(self.trainer, self._inputs, count)
        similarity = self.criterion.similarity
        if similarity.frozen:
            self.sample = thin(self.sample, similarity.extractors)
        if self.global_step:  # they came with the checkpoint
            if similarity.frozen:
                with torch.no_grad():
                    self._keep(KeptFeatures(self.model, self.criterion, *self.sample))
            return
        pooled = estimate_statistics(self.model, self.criterion, *self.sample)
        if isinstance(pooled, KeptFeatures):
            self.kept = pooled
        data = getattr(self.trainer, 'datamodule', None)
        scale = getattr(data, 'scale', 1)
        warn_of_outliers(self.model.normalizer, *self.sample, scale)
        self.fitted.fill_(True)
        self.restart(pooled)
        callbacks: list[Callback] = self.trainer.callbacks  # type: ignore[attr-defined]
        shortened = any(isinstance(callback, FewerSteps) for callback in callbacks)
        if not (self.model.needs_network or shortened):
            msg = (
                'Local colour tells all classes of this data: the network has nothing '
            )
            msg += 'to learn; with the callback FewerSteps, training ends here.'
            rank_zero_info(msg)

    def restart(self, pooled: Sequence[Tensor] | None = None) -> None:
        """Begin from new weights and new classes.

        Args:
            pooled: Features of the sample, if they are at hand.
        """
        h = self.hparams
        pooled = self.kept if pooled is None else pooled
        fresh = KTexturesModel(h['in_channels'], h['num_classes'], h['mask_stride'])
        fresh.normalizer.load_state_dict(self.model.normalizer.state_dict())
        self.model.load_state_dict(fresh.state_dict())
        # Whoever seeds torch seeds the classes.
        seed = int(torch.randint(2**31 - 1, ()))
        self.initialization = begin(
            self.model, self.criterion, *self.sample, seed, pooled, self.init
        )
        if self.initialization.linkage is not None:
            self.linkage.copy_(torch.from_numpy(self.initialization.linkage))
        for optimizer in self.trainer.optimizers:
            optimizer.state.clear()
        if self.trainer.world_size > 1:
            # Ranks drew different samples: all go on from the first one's.
            state = self.trainer.strategy.broadcast(self.state_dict())
            self.load_state_dict(state)
        if self.kept is not None:
            self._keep(self.kept)

    def _keep(self, kept: KeptFeatures) -> None:
        """Train on the sample, whose features are known."""
        self.kept = kept
        self.labelled = LabelledSample(self.model, kept, *self.sample)

    def sample_labels(self) -> Sequence[Tensor | None]:
        """Classes of the cells of each batch of the sample, if they are kept."""
        if self.labelled is None:
            return [None] * len(self.sample[0])
        return self.labelled.labels

    def on_train_end(self) -> None:
        """Forget the features of backbones, and plot the first scene."""
        self.kept = self.labelled = None
        super().on_train_end()
