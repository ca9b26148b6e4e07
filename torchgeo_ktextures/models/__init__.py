# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Models of k-textures, in plain PyTorch."""

from .extractors import FeatureExtractor, LocalColor, TextureEnergy
from .feature_clusters import FeatureClusters
from .hard_masks import class_margins, hard_masks
from .ktextures import BandNormalizer, KTexturesModel, finite_pixels
from .mask_network import MASK_STRIDES, MaskNetwork, upsample_logits
from .texture_generators import TextureGenerators
from .vgg import VGG16_LAYERS, VGG16Features

__all__ = (
    'MASK_STRIDES',
    'VGG16_LAYERS',
    'BandNormalizer',
    'FeatureClusters',
    'FeatureExtractor',
    'KTexturesModel',
    'LocalColor',
    'MaskNetwork',
    'TextureEnergy',
    'TextureGenerators',
    'VGG16Features',
    'class_margins',
    'finite_pixels',
    'hard_masks',
    'upsample_logits',
)
