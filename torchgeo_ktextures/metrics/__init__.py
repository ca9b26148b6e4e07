# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Metrics of unsupervised segmentation."""

from .cluster_matching import ClusterMatching

__all__ = ('ClusterMatching',)
