# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Models and weights by name: ours first, then those of TorchGeo."""

from collections.abc import Callable
from typing import Any

import torchgeo.models
from torch import nn
from torchvision.models._api import WeightsEnum

from .backbone_names import nearest
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
        msg = f'weights {name!r} are unknown here and to TorchGeo; ours are {known}, '
        theirs = [str(w) for n in torchgeo.models.list_models() for w in weights_of(n)]
        msg += f'and of TorchGeo the nearest are {nearest(name, theirs)}'
        raise ValueError(msg) from None


def weights_of(name: str) -> list[WeightsEnum]:
    """List the weights that TorchGeo has for one of its models.

    Args:
        name: Name of the model.

    Returns:
        Entries of its enumeration, none if it has no weights.
    """
    try:
        entries: Any = torchgeo.models.get_model_weights(name)
    except KeyError:
        return []
    return list(entries)


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


register_with_torchgeo()
