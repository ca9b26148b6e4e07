# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Which bands a backbone takes, and in which units, by the metadata of its weights."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import timm
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import nn
from torchgeo.models import ResNet50_Weights
from torchvision.models._api import WeightsEnum

from ..datasets.band_names import DEFAULT_BANDS, find_by_name
from .backbones import Backbone

#: Models of TorchGeo that take any bands by their wavelengths.
ANY_BANDS = ('dofa', 'panopticon', 'copernicusfm')

#: Bands of CROMA, which its metadata does not name.
#: https://github.com/antofuller/CROMA
_CROMA = ('B1', 'B2', 'B3', 'B4', 'B5', 'B6', 'B7', 'B8', 'B8A', 'B9', 'B11', 'B12')

#: CROMA takes values from two standard deviations below the mean, 0, to two above, 1.
_CROMA_MEAN, _CROMA_STD = 0.5, 0.25

#: Brightness of photographs from 0 to 1, the mean over red, green and blue of ImageNet.
_PHOTO_MEAN = sum(IMAGENET_DEFAULT_MEAN) / 3
_PHOTO_STD = sum(IMAGENET_DEFAULT_STD) / 3

#: Numbers of red, green, blue and near infrared, by what names of weights begin with.
#: https://sentiwiki.copernicus.eu/web/s2-mission
#: https://www.usgs.gov/faqs/what-are-band-designations-landsat-satellites
_NUMBERS = {
    'LANDSAT_TM': ('3', '2', '1', '4'),
    'LANDSAT_ETM': ('3', '2', '1', '4'),
    'LANDSAT': ('4', '3', '2', '5'),
    '': ('4', '3', '2', '8'),
}

#: Digital numbers from here on are reflectance, which is divided by about 10000.
_REFLECTANCE = 5000


@dataclass(frozen=True)
class BackboneInputs:
    """What a backbone takes for each of its channels.

    Attributes:
        names: Name of the channel.
        bands: Index of the band, -1 for none.
        mean: Mean that it expects.
        std: Standard deviation that it expects.
        any_bands: Whether it takes others, by their wavelengths.
    """

    names: tuple[str, ...]
    bands: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    any_bands: bool = False


def backbone_inputs(
    backbone: Backbone, in_channels: int, bands: Sequence[int] | None = None
) -> BackboneInputs:
    """Find the bands of a backbone among red, green, blue and near infrared.

    Bands are standardized before: where a network was trained on the statistics of its
    data, they are what it expects. Where it was trained on values of some range, they
    are brought to the usual values of the band in this range.

    Args:
        backbone: Backbone.
        in_channels: Number of bands that there are.
        bands: Index of the band for each channel, if that is given.

    Returns:
        What it takes.

    Raises:
        ValueError: If it needs a band that is not known to be there.
    """
    entry, model = backbone.entry, backbone.model
    known = DEFAULT_BANDS[: min(in_channels, len(DEFAULT_BANDS))]
    if model.startswith(ANY_BANDS):
        indices = tuple(range(len(known)) if bands is None else bands)
        ones, zeros = (1.0,) * len(indices), (0.0,) * len(indices)
        return BackboneInputs(known, indices, zeros, ones, True)
    names = channel_names(backbone)
    roles = _roles(names, '' if entry is None else entry.name)
    if bands is None:
        indices = tuple(known.index(r) if r in known else -1 for r in roles)
        missing = [n for n, i in zip(names, indices, strict=True) if i < 0]
        if missing:
            msg = f'{backbone.name} takes the bands {", ".join(names)}; of these '
            msg += f'{", ".join(dict.fromkeys(missing))} are not among '
            msg += ', '.join(known)
            if len(missing) == len(names):
                raise ValueError(f'{msg}: use a backbone for such bands')
            msg += '. Give the index of each as backbone_bands, or -1 for those that '
            raise ValueError(f'{msg}scenes lack: {list(indices)}')
    else:
        indices = tuple(bands)
    if entry is None:
        statistics = [_photo(model, i) for i in range(len(indices))]
    elif model.startswith('croma'):
        statistics = [(_CROMA_MEAN, _CROMA_STD)] * len(indices)
    else:
        statistics = [
            _statistics(entry, i, n) for i, n in enumerate(names[: len(indices)])
        ]
        statistics += [(0.0, 1.0)] * (len(indices) - len(statistics))
    mean, std = zip(*statistics, strict=True)
    return BackboneInputs(names, indices, mean, std)


def channel_names(backbone: Backbone) -> tuple[str, ...]:
    """Names of the bands that a backbone takes, in its order.

    Args:
        backbone: Backbone.

    Returns:
        Names, those of its metadata if it has such, else red, green and blue.
    """
    if backbone.model.startswith('croma'):
        return _CROMA
    meta = {} if backbone.entry is None else backbone.entry.meta
    return tuple(meta.get('bands') or DEFAULT_BANDS[:3])


def _roles(names: Sequence[str], weights: str) -> list[str | None]:
    """Which of red, green, blue and near infrared each band is."""
    roles: list[str | None] = [None] * len(names)
    for role in DEFAULT_BANDS:
        number = find_by_name(names, role)
        if number is not None:
            roles[number - 1] = role
    if any(roles):
        return roles
    numbers = next(n for start, n in _NUMBERS.items() if weights.startswith(start))
    wanted = dict(zip(numbers, DEFAULT_BANDS, strict=True))
    matches = [re.fullmatch(r'(?:SR_)?B0*(\d+)', name) for name in names]
    return [wanted.get(match[1]) if match else None for match in matches]


def _photo(model: str, channel: int) -> tuple[float, float]:
    """Mean and standard deviation of photographs as a network of timm expects them."""
    config = timm.get_pretrained_cfg(model) if timm.is_model(model) else None
    if config is None or channel >= 3:
        return 0.0, 1.0
    mean, std = config.mean, config.std
    if len(set(mean)) > 1:  # statistics of what it was trained on
        return 0.0, 1.0
    usual = IMAGENET_DEFAULT_MEAN[channel], IMAGENET_DEFAULT_STD[channel]
    return (usual[0] - mean[channel]) / std[channel], usual[1] / std[channel]


def _statistics(entry: WeightsEnum, channel: int, name: str) -> tuple[float, float]:
    """Mean and standard deviation of a band as weights of TorchGeo expect it."""
    steps = _normalizations(entry)
    if not steps:
        return 0.0, 1.0
    last_mean = [float(value) for value in steps[-1].mean]
    if len(set(last_mean)) > 1:
        return 0.0, 1.0
    mean, std = _usual(name, _each(steps[0].std, channel), entry.name)
    for step in steps:
        scale = _each(step.std, channel)
        mean, std = (mean - _each(step.mean, channel)) / scale, std / scale
    return mean, std


def _usual(name: str, divisor: float, weights: str) -> tuple[float, float]:
    """Mean and standard deviation of the digital numbers of a band."""
    if divisor > _REFLECTANCE and weights.startswith('SENTINEL2'):
        known = _sentinel2().get(name.upper().replace('B0', 'B'))
        if known is not None:
            return known
    # What is not known in detail is taken for as bright as photographs are.
    return _PHOTO_MEAN * divisor, _PHOTO_STD * divisor


@cache
def _sentinel2() -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of the bands of SSL4EO-S12, by TorchGeo."""
    entry = ResNet50_Weights.SENTINEL2_ALL_SOFTCON
    (step,) = _normalizations(entry)
    names = [name.upper() for name in entry.meta['bands']]
    pairs = zip(step.mean, step.std, strict=True)
    return {n: (float(m), float(s)) for n, (m, s) in zip(names, pairs, strict=True)}


def _normalizations(entry: WeightsEnum) -> list:  # type: ignore[type-arg]
    """Steps of the transforms of weights that bring bands to a mean and deviation."""
    transforms = entry.transforms
    modules = transforms.modules() if isinstance(transforms, nn.Module) else ()
    return [m for m in modules if hasattr(m, 'mean') and hasattr(m, 'std')]


def _each(values: Sequence[float], channel: int) -> float:
    """Value of a channel, of one for each or of one for all."""
    return float(values[channel if len(values) > 1 else 0])
