# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Fitted models of checkpoints, in plain PyTorch."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..clustering import PixelColors
from ..models import KTexturesModel
from .prediction import Predictor


class FittedModel(Predictor):
    """What predicts of a task in a checkpoint, without what it was trained by."""

    def __init__(self, hparams: Mapping[str, Any], state: dict[str, Tensor]) -> None:
        """Initialize a new FittedModel instance.

        Args:
            hparams: Arguments of the task.
            state: Its weights.

        Raises:
            ValueError: If a version before 0.4 wrote them.
        """
        super().__init__()
        complete_state(state)
        self.hparams = hparams
        self.model = KTexturesModel(
            hparams['in_channels'], hparams['num_classes'], hparams['mask_stride']
        )
        for name in ('fitted', 'linkage'):
            self.register_buffer(name, state[name])
        #: Weights of the extractors and of other things that it was trained by.
        self.rest: dict[str, Tensor] = {}
        own = self.state_dict()
        self.load_state_dict({name: state[name] for name in own})
        self.rest = {name: state[name] for name in state if name not in own}

    def _save_to_state_dict(
        self, destination: dict[str, Any], prefix: str, keep_vars: bool
    ) -> None:
        # As the task has them.
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination.update({prefix + name: self.rest[name] for name in self.rest})


def complete_state(state: dict[str, Tensor]) -> None:
    """Add what earlier versions did not keep, in place.

    Args:
        state: Weights of a task.

    Raises:
        ValueError: If a version before 0.4 wrote them.
    """
    if 'model.textures.mean' not in state:
        msg = 'it was written by a version before 0.4, which made textures in '
        raise ValueError(f'{msg}another way; fit again, or use that version')
    if 'model.contrast' not in state:  # before version 0.7
        state['model.contrast'] = torch.tensor(0.0)
        state['model.needs_network'] = torch.tensor(True)
    if 'model.colors.fitted' not in state:  # before version 0.10
        classes, bands = state['model.textures.mean'].shape
        colors = PixelColors(classes, bands).state_dict(prefix='model.colors.')
        state.update(colors)
    if 'linkage' not in state:  # of version 0.4.0
        from ..clustering import link_by_distance

        centers = state['criterion.clusters.prior.mixture.prototypes'].numpy()
        state['linkage'] = torch.from_numpy(link_by_distance(centers)).float()
