# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Feature extractors by the names of their groups."""

from collections.abc import Sequence

from torchvision.models._api import WeightsEnum

from .backbone import BackboneFeatures, load_backbone
from .extractors import FeatureExtractor, LocalColor, TextureEnergy
from .keras_features import KerasFeatures
from .state_dicts import load_state_dict_file
from .vgg import VGG16_LAYERS, VGG16Features
from .weights import PlanetFeatures_Weights, planet_features

type AnyWeights = WeightsEnum | str | bool | None


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
    # The mean colours of the textures come from here, named or not.
    extractors: list[FeatureExtractor] = [LocalColor(in_channels)]
    if 'texture' in names:
        extractors.append(TextureEnergy(in_channels))
    layers = [n for n in VGG16_LAYERS if f'vgg16_{n}' in names]
    if any(name.startswith('planet_') for name in names):
        own = _is_planet(weights) or not layers
        extractors.append(planet_features((own and weights) or True))
    if layers:
        composites = [(0, 1, 2), (3, 0, 1)] if in_channels > 3 else [(0, 1, 2)]
        vgg = None if _is_planet(weights) else weights
        extractors.append(VGG16Features(composites, layers, vgg))
    deep = [n.removeprefix('backbone_') for n in names if n.startswith('backbone_')]
    keras = [n.removeprefix('keras_') for n in names if n.startswith('keras_')]
    if keras:
        if backbone is None:
            msg = f'keras_{keras[0]} needs a backbone; give the path of a Keras file'
            raise ValueError(msg)
        extractors.append(KerasFeatures(backbone, keras))
    if deep:
        if backbone is None:
            msg = f'backbone_{deep[0]} needs a backbone; name a model of timm or '
            raise ValueError(msg + 'TorchGeo')
        network = load_backbone(backbone, backbone_weights, len(backbone_bands))
        extractors.append(
            BackboneFeatures(network, deep, backbone_bands, backbone_mean, backbone_std)
        )
    return extractors


def _is_planet(weights: AnyWeights) -> bool:
    """Whether weights are of PlanetFeatures, and not of VGG-16."""
    if isinstance(weights, PlanetFeatures_Weights):
        return True
    if not isinstance(weights, str) or weights.lower() == 'true':
        return False
    state = load_state_dict_file(weights)
    return any(name.endswith('heads.0.weight') for name in state)
