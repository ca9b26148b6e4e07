# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Models and weights by name: ours first, then those of TorchGeo."""

import os
from collections.abc import Callable
from typing import Any
from urllib.error import URLError

import timm
import torch
import torchgeo.models
from torch import nn
from torchvision.models._api import WeightsEnum

from ..errors import first_line
from .state_dicts import load_matching, load_state_dict_file
from .weights import PlanetFeatures_Weights, planet_features

_MODELS: dict[str, Callable[..., nn.Module]] = {'planet_features': planet_features}
_WEIGHTS: dict[str, type[WeightsEnum]] = {'planet_features': PlanetFeatures_Weights}


def list_models() -> list[str]:
    """List the models that :func:`get_model` knows.

    Returns:
        Names of our models, then those of TorchGeo.
    """
    return [*_MODELS, *(n for n in torchgeo.models.list_models() if n not in _MODELS)]


def get_model(name: str, *args: Any, **kwargs: Any) -> nn.Module:
    """Make a model.

    Args:
        name: Name of the model.
        *args: Arguments of the model.
        **kwargs: Arguments of the model, such as ``weights``.

    Returns:
        The model.

    Raises:
        ValueError: If there is no model of this name.
    """
    if name in _MODELS:
        return _MODELS[name](*args, **kwargs)
    if name not in torchgeo.models.list_models():
        msg = f'model {name!r} is unknown; use one of {", ".join(list_models())}'
        raise ValueError(msg)
    return torchgeo.models.get_model(name, *args, **kwargs)


def get_weight(name: str) -> WeightsEnum:
    """Find an entry of an enumeration of weights.

    Args:
        name: Full name, such as ``PlanetFeatures_Weights.MULTISENSOR_RGBN_VGG16``.

    Returns:
        The entry.

    Raises:
        ValueError: If there are no weights of this name.
    """
    for weights in _WEIGHTS.values():
        for entry in weights:
            if str(entry) == name:
                return entry
    try:
        return torchgeo.models.get_weight(name)
    except ValueError:
        known = ', '.join(str(entry) for w in _WEIGHTS.values() for entry in w)
        msg = f'weights {name!r} are unknown here and to TorchGeo; ours are {known}'
        raise ValueError(msg) from None


def load_backbone(
    name: str, weights: WeightsEnum | str | bool | None, in_channels: int
) -> nn.Module:
    """Make a network of timm or TorchGeo.

    Args:
        name: Name of a model of timm, or of TorchGeo for weights of TorchGeo.
        weights: Weights of TorchGeo or their full name, such as
            ``ResNet50_Weights.SENTINEL2_ALL_MOCO``; True for those of timm; the path of
            a safetensors or PyTorch state dict; or None for random weights.
        in_channels: Number of channels of the network.

    Returns:
        The network, in evaluation mode.

    Raises:
        ConnectionError: If weights cannot be downloaded.
        ValueError: If the model or the weights are unknown or do not fit.
    """
    if isinstance(weights, str) and weights.lower() == 'true':
        weights = True
    if isinstance(weights, str) and '_Weights.' in weights:
        weights = get_weight(weights)
    try:
        if isinstance(weights, WeightsEnum):
            return get_model(name, weights=weights).eval()
        if not timm.is_model(name):
            msg = f'backbone {name!r} is not a model of timm; for a model of TorchGeo '
            msg += 'give its weights, such as ResNet50_Weights.SENTINEL2_ALL_MOCO'
            raise ValueError(msg)
        network: nn.Module = timm.create_model(
            name, pretrained=weights is True, in_chans=in_channels, num_classes=0
        )
    except (URLError, OSError) as error:
        reason = first_line(error)
        msg = f'weights of {name} cannot be downloaded ({reason}); download them '
        cache = os.path.join(torch.hub.get_dir(), 'checkpoints')
        if weights is True:
            cache = 'of Hugging Face (HF_HOME)'
        msg += 'elsewhere and give their path as backbone_weights, or fill the '
        msg += f'cache {cache}'
        raise ConnectionError(msg) from None
    if isinstance(weights, str):
        load_matching(network, load_state_dict_file(weights), '', weights, name)
    return network.eval()


def register_with_torchgeo() -> None:
    """Let TorchGeo's own look-ups find our models, as long as that is possible.

    TorchGeo has no public way to register models; nothing depends on this.
    """
    lookups = getattr(torchgeo.models, 'api', None)
    for name, ours in (('_model', _MODELS), ('_model_weights', _WEIGHTS)):
        theirs = getattr(lookups, name, None)
        if isinstance(theirs, dict):
            for key, value in ours.items():
                theirs.setdefault(key, value)
