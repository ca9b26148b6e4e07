# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""From the parameters of the estimator to data, and to a fitted task."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch.utilities.seed import isolate_rng
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from torch import Tensor

from .callbacks import FewerSteps, History
from .clustering import choose_number
from .clustering.numbers import parse_n_clusters
from .datamodules import RasterDataModule
from .datamodules.module_inputs import ModuleInputs
from .datasets.bands import LEAST_BANDS
from .inference.statistics import ClassSummary
from .segmenter import Segmenter
from .tasks import KTextures
from .tasks.arguments import with_backbone
from .tasks.selection import NumberComparison
from .trainer import interruptible, make_trainer, quiet


def seed_of(random_state: int | np.random.RandomState | None) -> int:
    """Draw a seed.

    Args:
        random_state: Seed, or what draws one.

    Returns:
        A number, the same for the same seed.
    """
    return int(check_random_state(random_state).randint(2**31 - 1))


class Fitting(BaseEstimator, Segmenter):
    """What the methods of the estimator are made of.

    Parameters are those of
    :class:`~torchgeo_ktextures.estimator.KTexturesSegmenter`, which documents what is
    known once it is fitted.
    """

    inputs_class = ModuleInputs

    task_: KTextures

    @classmethod
    def task_of(cls, path: Path, content: Mapping[str, Any]) -> KTextures:
        """Make what predicts, and what it was fitted by.

        Args:
            path: Path of a checkpoint.
            content: Not used.

        Returns:
            Fitted task.
        """
        task: KTextures = KTextures.load_from_checkpoint(path, map_location='cpu')
        return task

    def _train(self, images: Any) -> tuple[list[Tensor], list[Tensor]]:
        """Find classes and textures; returns the sample of the training data."""
        data = self._data(images)
        seed = seed_of(self.random_state)
        data.seed = seed
        with isolate_rng(), quiet(self.verbose), interruptible():
            number = parse_n_clusters(self.n_clusters)
            if isinstance(number, range):
                torch.manual_seed(seed)
                number = self._choose(data, number)
            torch.manual_seed(seed)
            self._fit(data, number)
        sample = self.task_.sample
        del self.task_.sample
        self.radiometry_ = data.radiometry
        self.trained_on_ = data.trained_on or {}
        return sample

    def _data(self, images: Any) -> RasterDataModule:
        """Data module to fit to images."""
        parse_n_clusters(self.n_clusters)
        for name in ('max_steps', 'n_init', 'patch_size', 'batch_size'):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or value < 1:
                raise ValueError(f'{name}={value!r} must be a whole number, at least 1')
        if self.bands is not None and len(self.bands) < LEAST_BANDS:
            msg = f'bands={list(self.bands)} are too few, at least {LEAST_BANDS} are '
            msg += 'needed; repeat one, as in bands=[1, 1, 1]'
            raise ValueError(msg)
        inputs = self._inputs(
            images,
            bands=self.bands,
            batch_size=self.batch_size,
            length=self.max_steps * self.n_init * self.batch_size,
        )
        inputs.prepare_fit(self.patch_size)
        data = inputs.data
        assert isinstance(data, RasterDataModule)
        data.sort()
        names = inputs.names
        self.feature_names_in_ = None if names is None else np.array(names, object)
        self.n_features_in_ = inputs.num_bands
        return data

    def _task[T: KTextures](self, cls: type[T], num_classes: int) -> T:
        task = cls(
            num_classes=num_classes,
            in_channels=self.n_features_in_,
            mask_stride=self.mask_stride,
            features=with_backbone(self.features, self.backbone),
            weights=self.weights,
            backbone=self.backbone,
            backbone_weights=self.backbone_weights,
            backbone_bands=self.backbone_bands,
            init=self.init,
            warm_start=self.warm_start,
            assignment_weight=self.assignment_weight,
            n_init=self.n_init,
        )
        task.draws = False
        return task

    def _choose(self, data: RasterDataModule, numbers: range) -> int:
        """Choose the number of classes."""
        task = self._task(NumberComparison, numbers[0])
        task.numbers = numbers
        trainer = make_trainer(self.device, self.verbose, max_steps=1)
        trainer.fit(task, datamodule=data)
        self.selection_ = task.table
        return choose_number(task.table)

    def _fit(self, data: RasterDataModule, num_classes: int) -> None:
        self.task_ = self._task(KTextures, num_classes)
        self.history_ = History()
        callbacks = [FewerSteps(), self.history_]
        steps = self.max_steps * self.n_init
        trainer = make_trainer(self.device, self.verbose, callbacks, steps)
        trainer.fit(self.task_, datamodule=data)
        self.n_iter_ = int(trainer.global_step)
        self.loss_ = self.history_.latest('loss')
        self.task_.cpu()
        self.find_textures()

    def _describe(self, classes: Sequence[ClassSummary]) -> None:
        """Keep what the classes of the training pixels are like."""
        total = max(sum(c.pixels for c in classes), 1)
        self.trained_on_['shares'] = [c.pixels / total for c in classes]
        # A class that no pixel has keeps the colour of its texture.
        colors = self.textures_.mean((2, 3))
        means = [c.mean or color for c, color in zip(classes, colors, strict=True)]
        self.cluster_centers_ = np.array(means, np.float64)
