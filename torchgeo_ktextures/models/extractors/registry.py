# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Feature extractors by the names of their groups."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import filter as matching

from torchvision.models._api import WeightsEnum

from ..api import load_backbone
from ..state_dicts import load_state_dict_file
from ..weights import PlanetFeatures_Weights, planet_features
from .backbone import BackboneFeatures
from .base import FeatureExtractor
from .color import LocalColor
from .keras import KerasFeatures
from .texture import TextureEnergy
from .vgg import VGG16_LAYERS, VGG16Features

type AnyWeights = WeightsEnum | str | bool | None


@dataclass(frozen=True)
class Options:
    """Arguments of :func:`make_extractors`."""

    names: Sequence[str]
    in_channels: int
    weights: AnyWeights
    backbone: str | None
    backbone_weights: AnyWeights
    backbone_bands: Sequence[int]
    backbone_mean: Sequence[float] | float
    backbone_std: Sequence[float] | float


def _planet(layers: list[str], options: Options) -> FeatureExtractor:
    own = _is_planet(options.weights) or not _vgg16_layers(options.names)
    return planet_features((own and options.weights) or True)


def _vgg16(layers: list[str], options: Options) -> FeatureExtractor | None:
    known = _vgg16_layers(options.names)
    if not known:
        return None
    composites = [(0, 1, 2), (3, 0, 1)] if options.in_channels > 3 else [(0, 1, 2)]
    weights = None if _is_planet(options.weights) else options.weights
    return VGG16Features(composites, known, weights)


def _keras(layers: list[str], options: Options) -> FeatureExtractor:
    if options.backbone is None:
        msg = f'keras_{layers[0]} needs a backbone; give the path of a Keras file'
        raise ValueError(msg)
    return KerasFeatures(options.backbone, layers)


def _backbone(layers: list[str], options: Options) -> FeatureExtractor:
    if options.backbone is None:
        msg = f'backbone_{layers[0]} needs a backbone; name a model of timm or '
        raise ValueError(msg + 'TorchGeo')
    bands = options.backbone_bands
    network = load_backbone(options.backbone, options.backbone_weights, len(bands))
    mean, std = options.backbone_mean, options.backbone_std
    return BackboneFeatures(network, layers, bands, mean, std)


#: What makes the extractor of the groups whose names match, in the order of the
#: extractors; it is given what follows the first underscore in each of these names. It
#: returns None if it knows none of them, which the loss then refuses.
FACTORIES: dict[str, Callable[[list[str], Options], FeatureExtractor | None]] = {
    'color': lambda layers, options: LocalColor(options.in_channels),
    'texture': lambda layers, options: TextureEnergy(options.in_channels),
    'planet_*': _planet,
    'vgg16_*': _vgg16,
    'keras_*': _keras,
    'backbone_*': _backbone,
}


def make_extractors(
    names: Sequence[str],
    in_channels: int,
    weights: AnyWeights = None,
    backbone: str | None = None,
    backbone_weights: AnyWeights = None,
    backbone_bands: Sequence[int] = (0, 1, 2),
    backbone_mean: Sequence[float] | float = 0.0,
    backbone_std: Sequence[float] | float = 1.0,
) -> list[FeatureExtractor]:
    """Make the extractors of some feature groups.

    Args:
        names: Names of the groups: ``color``, ``texture``, ``planet_stride<s>``,
            ``vgg16_<layer>``, ``backbone_<layer>``, ``keras_<layer>``.
        in_channels: Number of bands.
        weights: Weights of VGG-16 or PlanetFeatures. The latter has its own by default.
        backbone: Name of the network of the ``backbone`` groups, or path of the file of
            the ``keras`` groups.
        backbone_weights: Its weights, see :func:`load_backbone`.
        backbone_bands: Index of the band for each of its channels.
        backbone_mean: Mean of each channel that it expects.
        backbone_std: Standard deviation of each channel that it expects.

    Returns:
        Extractors, of which some may have groups that were not asked for.

    Raises:
        ValueError: If weights or the backbone are missing or do not fit.
    """
    options = Options(
        names,
        in_channels,
        weights,
        backbone,
        backbone_weights,
        backbone_bands,
        backbone_mean,
        backbone_std,
    )
    made = []
    for pattern, factory in FACTORIES.items():
        # The mean colours of the textures come from color, named or not.
        if found := matching(['color', *names], pattern):
            made.append(factory([name.partition('_')[2] for name in found], options))
    return [extractor for extractor in made if extractor is not None]


def _vgg16_layers(names: Sequence[str]) -> list[str]:
    """Known layers of VGG-16, in their order, of which others may have no groups."""
    return [layer for layer in VGG16_LAYERS if f'vgg16_{layer}' in names]


def _is_planet(weights: AnyWeights) -> bool:
    """Whether weights are of PlanetFeatures, and not of VGG-16."""
    if isinstance(weights, PlanetFeatures_Weights):
        return True
    if not isinstance(weights, str) or weights.lower() == 'true':
        return False
    state = load_state_dict_file(weights)
    return any(name.endswith('heads.0.weight') for name in state)
