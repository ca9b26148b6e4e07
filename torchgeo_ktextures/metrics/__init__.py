# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Metrics of unsupervised segmentation, and the accuracy of maps."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .boundary_f1 import BoundaryF1
    from .cluster_matching import ClusterMatching
    from .rims import rim_classes, rim_share
    from .stratified import Estimate, MapAccuracy, map_accuracy

__all__ = (
    'BoundaryF1',
    'ClusterMatching',
    'Estimate',
    'MapAccuracy',
    'map_accuracy',
    'rim_classes',
    'rim_share',
)

__getattr__, __dir__ = lazy_names(__name__)
