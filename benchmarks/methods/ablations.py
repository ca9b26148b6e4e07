# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""k-textures without one of its parts."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from torchgeo_ktextures.callbacks import FewerSteps
from torchgeo_ktextures.models import ColorPrior, TextureGenerators
from torchgeo_ktextures.tasks import KTextures as Task

from ..sets import Image, Labels
from .ktextures import KTextures
from .method import Method


def _colors(
    self: TextureGenerators,
    batch_size: int,
    size: tuple[int, int],
    generator: torch.Generator | None = None,
) -> Tensor:
    """Constant colours in place of textures."""
    return self.mean[None, ..., None, None].expand(batch_size, -1, -1, *size)


def _soft_masks(logits: Tensor, slope: float = 1.0) -> Tensor:
    """Probabilities in place of hard masks."""
    return logits.softmax(1)


def _all(self: ColorPrior) -> float:
    """Full training with textures, whatever colour tells."""
    return 1.0


def _always(*args: Any) -> bool:
    """A network, whatever colour tells."""
    return True


def _nothing(*args: Any) -> None:
    """Leave a step out."""


#: What is replaced, and by what, for each part that is left out.
_PARTS: dict[str, tuple[str, Callable[..., Any] | float | tuple[float, ...]]] = {
    'textures': ('models.texture_generators.TextureGenerators.forward', _colors),
    'smoothing': ('clustering.smoothing.SMOOTHING_ROUNDS', 0),
    'leaving out the network': (
        'losses.ktextures.KTexturesLoss.needs_network',
        _always,
    ),
    'leaving out textures': ('clustering.color_prior.ColorPrior.texture_share', _all),
    'hard masks': ('losses.ktextures.hard_masks', _soft_masks),
    'prior': ('models.ktextures.KTexturesModel.start_from', _nothing),
    'edge-aware windows': ('clustering.local_moments.EDGE_POWER', 0),
    'edge-aware features': ('clustering.filters.EDGE_POWER', 0),
    'members of half the classes': ('clustering.initialization.MEMBER_CLASSES', (1.0,)),
    'spare classes': ('clustering.ensemble.DIRECT_CLASSES', 10_000),
    'common covariance': ('clustering.gaussians.COMMON_COVARIANCE', 0.0),
    'texture phase': (
        'fitting.KTextures',
        functools.partial(Task, warm_start_fraction=0.999),
    ),
    'shorter training': (
        'fitting.FewerSteps',
        functools.partial(FewerSteps, least=1_000_000),
    ),
}


@dataclass(frozen=True)
class Ablated(KTextures):
    """k-textures without one of its parts."""

    part: str = 'textures'

    @property
    def settings(self) -> dict[str, Any]:
        """Settings, which JSON can hold."""
        return super().settings | {'without': self.part}

    def fit_predict(
        self, images: Sequence[Image], n_clusters: int, seed: int
    ) -> list[Labels]:
        """Fit on images, without labels, and predict all of them."""
        name, replacement = _PARTS[self.part]
        with mock.patch(f'torchgeo_ktextures.{name}', replacement):
            return super().fit_predict(images, n_clusters, seed)


#: Variants in the order of the table.
ABLATIONS: dict[str, Method] = {
    'ktextures': KTextures(),
    **{f'without {part}': Ablated(part=part) for part in _PARTS},
    'without deep features': KTextures((('features', ('color',)),)),
    'without colour': KTextures(
        (('features', ('texture', 'planet_stride4', 'planet_stride8')),)
    ),
    'without energies of filters': KTextures(
        (('features', ('color', 'planet_stride4', 'planet_stride8')),)
    ),
    'without shipped extractor': KTextures((('features', ('color', 'texture')),)),
    'random start': KTextures((('init', 'random'),)),
    'k-means start': KTextures((('init', 'kmeans'),)),
    **{f'mask stride {s}': KTextures((('mask_stride', s),)) for s in (1, 2, 8, 16)},
}
