# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Metrics of unsupervised segmentation."""

from .boundary_f1 import BoundaryF1
from .cluster_matching import ClusterMatching

__all__ = ('BoundaryF1', 'ClusterMatching')
