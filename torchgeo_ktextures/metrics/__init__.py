# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Metrics of unsupervised segmentation, and the accuracy of maps."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .rims import rim_classes, rim_share
from .stratified import Estimate, MapAccuracy, map_accuracy

if TYPE_CHECKING:
    from .boundary_f1 import BoundaryF1
    from .cluster_matching import ClusterMatching

__all__ = (
    'BoundaryF1',
    'ClusterMatching',
    'Estimate',
    'MapAccuracy',
    'map_accuracy',
    'rim_classes',
    'rim_share',
)

_WITH_TORCH = {'BoundaryF1': 'boundary_f1', 'ClusterMatching': 'cluster_matching'}


def __getattr__(name: str) -> Any:
    # The accuracy of a map needs no torch.
    if name in _WITH_TORCH:
        return getattr(import_module(f'.{_WITH_TORCH[name]}', __name__), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
