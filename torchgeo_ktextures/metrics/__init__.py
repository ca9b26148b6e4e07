# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Metrics of unsupervised segmentation."""

from .boundary_f1 import BoundaryF1
from .cluster_matching import ClusterMatching
from .rims import rim_classes, rim_share

__all__ = ('BoundaryF1', 'ClusterMatching', 'rim_classes', 'rim_share')
