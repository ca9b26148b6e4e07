# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Feature extractors by the names of their groups."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import filter as matching
from fnmatch import fnmatch
from functools import partial
from typing import Any, Literal

from torch import nn

from ..backbone_inputs import BackboneInputs, backbone_inputs
from ..backbone_names import SHORT_NAMES, nearest
from ..backbones import AnyWeights, find_backbone, load_backbone
from ..state_dicts import load_state_dict_file
from ..weights import PlanetFeatures_Weights, planet_features
from .backbone import BackboneFeatures
from .base import FeatureExtractor
from .color import LocalColor
from .encoders import WAVELENGTHS
from .keras import KerasFeatures
from .texture import TextureEnergy
from .vgg import VGG16_LAYERS, VGG16Features

type Upsampling = Literal['bilinear', 'shifted']


@dataclass(frozen=True)
class Options:
    """Arguments of :func:`make_extractors`."""

    names: Sequence[str]
    in_channels: int
    weights: AnyWeights
    backbone: str | None
    backbone_weights: AnyWeights
    backbone_bands: Sequence[int] | None
    backbone_mean: Sequence[float] | float | None
    backbone_std: Sequence[float] | float | None
    backbone_upsampling: Upsampling
    backbone_args: Mapping[str, Any] | None
    fetch: bool


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
        group = f'backbone_{layers[0]}' if layers[0] else 'backbone'
        msg = f'{group} needs a backbone; name a model of timm or TorchGeo, or one of '
        raise ValueError(msg + ', '.join(SHORT_NAMES))
    return _network('backbone', layers, options.backbone, options)


def _short(name: str, layers: list[str], options: Options) -> FeatureExtractor:
    return _network(name, [''], name, options)


def _network(
    group: str, layers: list[str], backbone: str, options: Options
) -> BackboneFeatures:
    found = find_backbone(backbone, options.backbone_weights)
    inputs = backbone_inputs(found, options.in_channels, options.backbone_bands)
    arguments = dict(options.backbone_args or {})
    wavelengths = _wavelengths(inputs, arguments.pop('wavelengths', None))
    weights, later = options.backbone_weights, None
    if weights is None and found.weights is not None:
        later = None if options.fetch else (backbone, len(inputs.bands), arguments)
        weights = found.weights if options.fetch else None
    network = load_backbone(backbone, weights, len(inputs.bands), arguments)
    mean, std = options.backbone_mean, options.backbone_std
    features = BackboneFeatures(
        network,
        layers,
        inputs.bands,
        inputs.mean if mean is None else mean,
        inputs.std if std is None else std,
        options.backbone_upsampling,
        wavelengths,
        group,
    )
    features.later = later
    features.untrained = weights is None and later is None
    return features


def _wavelengths(
    inputs: BackboneInputs, given: Sequence[float] | None
) -> Sequence[float] | None:
    """Wavelengths of the bands, for networks that take any."""
    if not inputs.any_bands:
        return None
    bands = list(inputs.bands)
    if given is None and not set(bands) <= set(range(len(WAVELENGTHS))):
        msg = f'wavelengths of the bands {bands} are not known; give them in '
        msg += 'micrometres as backbone_args: {wavelengths: [0.665, ...]}, or use '
        raise ValueError(msg + 'bands 0 to 3: red, green, blue and near infrared')
    if given is None:
        return [WAVELENGTHS[i] for i in bands]
    if len(given) != len(bands):
        msg = f'there are {len(given)} wavelengths for {len(bands)} bands; give one '
        raise ValueError(msg + 'per band of backbone_bands')
    return list(given)


#: What makes the extractor of the groups whose names match, in the order of the
#: extractors; it is given what follows the first underscore in each of these names. It
#: returns None if it knows none of them, which the loss then refuses.
FACTORIES: dict[str, Callable[[list[str], Options], FeatureExtractor | None]] = {
    'color': lambda layers, options: LocalColor(options.in_channels),
    'texture': lambda layers, options: TextureEnergy(options.in_channels),
    'planet_*': _planet,
    'vgg16_*': _vgg16,
    'keras_*': _keras,
    'backbone': _backbone,
    'backbone_*': _backbone,
    **{name: partial(_short, name) for name in SHORT_NAMES},
}


def make_extractors(
    names: Sequence[str],
    in_channels: int,
    weights: AnyWeights = None,
    backbone: str | None = None,
    backbone_weights: AnyWeights = None,
    backbone_bands: Sequence[int] | None = None,
    backbone_mean: Sequence[float] | float | None = None,
    backbone_std: Sequence[float] | float | None = None,
    backbone_upsampling: Upsampling = 'bilinear',
    backbone_args: Mapping[str, Any] | None = None,
    fetch: bool = True,
) -> list[FeatureExtractor]:
    """Make the extractors of some feature groups.

    Args:
        names: Names of the groups: ``color``, ``texture``, ``planet_stride<s>``,
            ``vgg16_<layer>``, ``backbone``, ``backbone_<layer>``, ``keras_<layer>``,
            and the short names of backbones.
        in_channels: Number of bands.
        weights: Weights of VGG-16 or PlanetFeatures. The latter has its own by default.
        backbone: Name of the network of the ``backbone`` groups, or path of the file of
            the ``keras`` groups.
        backbone_weights: Its weights, see :func:`load_backbone` (defaults to those that
            its name stands for, if there are such).
        backbone_bands: Index of the band for each of its channels (defaults to what the
            metadata of its weights says).
        backbone_mean: Mean of each channel that it expects (likewise).
        backbone_std: Standard deviation of each channel that it expects (likewise).
        backbone_upsampling: See :class:`BackboneFeatures`.
        backbone_args: Other arguments of the network, and ``wavelengths`` in
            micrometres for those that take any bands.
        fetch: Whether to load weights that a name stands for now, or to leave that to
            :func:`fetch_weights`.

    Returns:
        Extractors, of which some may have groups that were not asked for.

    Raises:
        ValueError: If a group is unknown, or weights or the backbone are missing or do
            not fit.
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
        backbone_upsampling,
        backbone_args,
        fetch,
    )
    unknown = [n for n in names if not any(fnmatch(n, key) for key in FACTORIES)]
    if unknown:
        msg = f'feature group {unknown[0]!r} is unknown; the nearest names are '
        msg += f'{nearest(unknown[0], FACTORIES)}. Use some of {", ".join(FACTORIES)}'
        raise ValueError(msg)
    made = []
    for pattern, factory in FACTORIES.items():
        # The mean colours of the textures come from color, named or not.
        if found := matching(['color', *names], pattern):
            made.append(factory([name.partition('_')[2] for name in found], options))
    return [extractor for extractor in made if extractor is not None]


def fetch_weights(extractors: Iterable[nn.Module]) -> None:
    """Load the weights that :func:`make_extractors` left for later.

    Args:
        extractors: Extractors.

    Raises:
        ConnectionError: If weights cannot be downloaded.
        ValueError: If a backbone has none.
    """
    for extractor in extractors:
        if not isinstance(extractor, BackboneFeatures):
            continue
        if extractor.untrained:
            msg = 'the backbone needs weights; set backbone_weights to true for those '
            msg += 'of timm, to a name of weights of TorchGeo, to the path of a state '
            raise ValueError(f'{msg}dict, or to false for random ones')
        if extractor.later is not None:
            name, channels, arguments = extractor.later
            trained = load_backbone(name, True, channels, arguments)
            extractor.network.load_state_dict(trained.state_dict())
            extractor.later = None


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
