# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Finding classes without a network, in plain PyTorch and NumPy."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .cells import (
        Sample,
        middle_moments,
        middle_of_cells,
        middle_views,
        valid_middles,
    )
    from .color_prior import ColorPrior
    from .consensus import combine
    from .ensemble import Initialization
    from .feature_clusters import FeatureClusters
    from .feature_space import FeatureSpace
    from .filters import box_filter
    from .gaussians import MomentGaussians
    from .initialization import Init, cluster_means, find_classes
    from .linkage import link_by_distance, link_by_votes
    from .local_moments import LocalMoments, PlaceMoments
    from .members import Score
    from .mixture import ClassMixture
    from .pixel_colors import PixelColors, PixelEvidence
    from .selection import choose_number, compare_numbers

__all__ = (
    'ClassMixture',
    'ColorPrior',
    'FeatureClusters',
    'FeatureSpace',
    'Init',
    'Initialization',
    'LocalMoments',
    'MomentGaussians',
    'PixelColors',
    'PixelEvidence',
    'PlaceMoments',
    'Sample',
    'Score',
    'box_filter',
    'choose_number',
    'cluster_means',
    'combine',
    'compare_numbers',
    'find_classes',
    'link_by_distance',
    'link_by_votes',
    'middle_moments',
    'middle_of_cells',
    'middle_views',
    'valid_middles',
)

__getattr__, __dir__ = lazy_names(__name__)
