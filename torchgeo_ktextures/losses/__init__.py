# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Losses of k-textures, in plain PyTorch."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .distillation import DistillationLoss
    from .feature_similarity import (
        ChannelStandardizer,
        FeatureSimilarityLoss,
        cell_validity,
    )
    from .ktextures import KTexturesLoss, cluster_masks, pad_to_grid

__all__ = (
    'ChannelStandardizer',
    'DistillationLoss',
    'FeatureSimilarityLoss',
    'KTexturesLoss',
    'cell_validity',
    'cluster_masks',
    'pad_to_grid',
)

__getattr__, __dir__ = lazy_names(__name__)
