# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Finding classes without a network, in plain PyTorch and NumPy."""

from .color_prior import ColorPrior
from .consensus import combine
from .feature_clusters import FeatureClusters
from .feature_space import FeatureSpace
from .filters import box_filter
from .gaussians import MomentGaussians
from .initialization import (
    Init,
    Initialization,
    Sample,
    cluster_means,
    find_classes,
)
from .local_moments import LocalMoments, PlaceMoments
from .members import Score
from .mixture import ClassMixture

__all__ = (
    'ClassMixture',
    'ColorPrior',
    'FeatureClusters',
    'FeatureSpace',
    'Init',
    'Initialization',
    'LocalMoments',
    'MomentGaussians',
    'PlaceMoments',
    'Sample',
    'Score',
    'box_filter',
    'cluster_means',
    'combine',
    'find_classes',
)
