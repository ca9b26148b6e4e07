# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""How many classes the training data of a task supports."""

from collections.abc import Sequence

import torch

from ..clustering import compare_numbers
from ..clustering.selection import Table
from .initialization import measure
from .ktextures import KTextures


class NumberComparison(KTextures):
    """A task that compares numbers of classes, and trains nothing.

    Give it to a trainer with ``max_steps=1``; :attr:`table` is there after the fit.
    """

    #: What is compared, before the fit.
    numbers: Sequence[int] = (2,)

    #: What :func:`~torchgeo_ktextures.clustering.compare_numbers` found.
    table: Table

    def restart(self, pooled: Sequence[torch.Tensor] | None = None) -> None:
        """Compare, and stop.

        Args:
            pooled: Features of the sample, if they are at hand.

        Raises:
            ValueError: If the task is of a kind for which numbers cannot be compared,
                or the data has fewer different cells than classes.
        """
        names: Sequence[str] = self.hparams['features']
        if self.init != 'mixture' or 'color' not in names:
            msg = f'numbers of classes cannot be compared with init={self.init!r} and '
            msg += f"features={list(names)}; give the number, or use init='mixture' "
            raise ValueError(msg + "and the features 'color'")
        sample, _ = measure(self.model, self.criterion, *self.sample, pooled)
        space = self.criterion.clusters.space
        self.table = compare_numbers(sample, space, self.numbers)
        self.trainer.should_stop = True
