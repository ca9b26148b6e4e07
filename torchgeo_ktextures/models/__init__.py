# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Models of k-textures, in plain PyTorch."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from ..clustering import (
        ClassMixture,
        ColorPrior,
        FeatureClusters,
        LocalMoments,
        MomentGaussians,
    )
    from .api import get_model, get_weight, list_models
    from .band_normalizer import BandNormalizer
    from .extractors import (
        VGG16_LAYERS,
        BackboneFeatures,
        FeatureExtractor,
        KerasFeatures,
        LocalColor,
        PlanetFeatures,
        TextureEnergy,
        VGG16Features,
    )
    from .extractors.registry import fetch_weights, make_extractors
    from .ktextures import KTexturesModel, finite_pixels
    from .label_network import LabelNetwork
    from .mask_network import MASK_STRIDES, MaskNetwork, upsample_logits
    from .masks import hard_masks
    from .pixel_labels import class_confidence, pixel_logits, upsample_labels
    from .random_textures import RandomTextures
    from .texture_generators import TextureGenerators
    from .weights import PlanetFeatures_Weights, planet_features

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
    'RandomTextures',
    'TextureEnergy',
    'TextureGenerators',
    'VGG16Features',
    'class_confidence',
    'fetch_weights',
    'finite_pixels',
    'get_model',
    'get_weight',
    'hard_masks',
    'list_models',
    'make_extractors',
    'pixel_logits',
    'planet_features',
    'upsample_labels',
    'upsample_logits',
)

__getattr__, __dir__ = lazy_names(__name__)
