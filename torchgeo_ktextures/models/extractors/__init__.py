# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Feature extractors of the similarity loss.

To add one, write it into a file of its own and name its groups in ``registry.py``, which
is not imported here: it needs weights, and these the extractors.
"""

from typing import TYPE_CHECKING

from ...lazy import lazy_names

if TYPE_CHECKING:
    from .backbone import BackboneFeatures
    from .base import FeatureExtractor
    from .color import LocalColor
    from .keras import KerasFeatures
    from .planet import PlanetFeatures
    from .texture import TextureEnergy
    from .vgg import VGG16_LAYERS, VGG16Features

__all__ = (
    'VGG16_LAYERS',
    'BackboneFeatures',
    'FeatureExtractor',
    'KerasFeatures',
    'LocalColor',
    'PlanetFeatures',
    'TextureEnergy',
    'VGG16Features',
)

__getattr__, __dir__ = lazy_names(__name__)
