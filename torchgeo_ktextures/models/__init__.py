# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Models of k-textures, in plain PyTorch."""

from .api import get_model, get_weight, list_models, register_with_torchgeo
from .backbone import BackboneFeatures
from .color_prior import ColorPrior
from .extractors import FeatureExtractor, LocalColor, TextureEnergy
from .feature_clusters import FeatureClusters
from .feature_groups import make_extractors
from .hard_masks import hard_masks
from .inference import LabelNetwork, class_confidence, upsample_labels
from .keras_features import KerasFeatures
from .ktextures import BandNormalizer, KTexturesModel, finite_pixels
from .local_moments import LocalMoments, MomentGaussians
from .mask_network import MASK_STRIDES, MaskNetwork, upsample_logits
from .mixture import ClassMixture
from .planet_features import PlanetFeatures
from .texture_generators import TextureGenerators
from .vgg import VGG16_LAYERS, VGG16Features
from .weights import PlanetFeatures_Weights, planet_features

register_with_torchgeo()

__all__ = (
    'MASK_STRIDES',
    'VGG16_LAYERS',
    'BackboneFeatures',
    'BandNormalizer',
    'ClassMixture',
    'ColorPrior',
    'FeatureClusters',
    'FeatureExtractor',
    'KTexturesModel',
    'KerasFeatures',
    'LabelNetwork',
    'LocalColor',
    'LocalMoments',
    'MaskNetwork',
    'MomentGaussians',
    'PlanetFeatures',
    'PlanetFeatures_Weights',
    'TextureEnergy',
    'TextureGenerators',
    'VGG16Features',
    'class_confidence',
    'finite_pixels',
    'get_model',
    'get_weight',
    'hard_masks',
    'list_models',
    'make_extractors',
    'planet_features',
    'upsample_labels',
    'upsample_logits',
)
