# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Networks of timm and TorchGeo by name, with weights or without."""

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.error import URLError

import timm
import torch
import torchgeo.models
from torch import Tensor, nn
from torchvision.models import SwinTransformer
from torchvision.models._api import WeightsEnum

from ..errors import first_line
from .api import get_model, get_weight, weights_of
from .backbone_names import SHORT_NAMES, UNFIT, backbone_names, nearest
from .state_dicts import load_matching, load_state_dict_file

type AnyWeights = WeightsEnum | str | bool | None

#: Parts that some files of weights lack, and that maps of features do not need.
_UNUSED = ('head.', 'fc.', 'fc_norm.', 'norm.')


@dataclass(frozen=True)
class Backbone:
    """A network that was named.

    Attributes:
        model: Name of a model of timm, or of TorchGeo.
        entry: Weights of TorchGeo that tell its bands, if there are such.
        weights: What it has by default: weights, True for those of timm, or None where
            the name stands for no weights.
    """

    model: str
    entry: WeightsEnum | None = None
    weights: WeightsEnum | bool | None = None

    @property
    def name(self) -> str:
        """What it can be found by again."""
        return self.model if self.entry is None else str(self.entry)


@dataclass(frozen=True)
class _FileWeights:
    """Weights of TorchGeo from a file that is at hand, as its models take them."""

    meta: Mapping[str, Any]
    path: str

    def get_state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Read the file; nothing is downloaded."""
        return load_state_dict_file(self.path)


def parse_weights(weights: AnyWeights) -> AnyWeights:
    """Read what weights are, as the command line hands them over.

    Args:
        weights: Entry or full name of weights of TorchGeo, path, or boolean.

    Returns:
        Entry, path, or boolean.

    Raises:
        ValueError: If TorchGeo has no such weights.
    """
    if not isinstance(weights, str):
        return weights
    if weights.lower() in ('true', 'false'):
        return weights.lower() == 'true'
    is_file = os.path.isfile(weights)
    return get_weight(weights) if '_Weights.' in weights and not is_file else weights


def find_backbone(name: str, weights: AnyWeights = None) -> Backbone:
    """Find a network by its name.

    Args:
        name: Short name, name of a model of timm, with or without a tag of its weights,
            name of a model of TorchGeo, or full name of weights of TorchGeo.
        weights: Weights that it is to have, which may tell more of it.

    Returns:
        The network.

    Raises:
        ValueError: If it is unknown, or makes no map of an image.
    """
    model = SHORT_NAMES.get(name, name)
    weights = parse_weights(weights)
    entry = get_weight(model) if '_Weights.' in model else None
    theirs = torchgeo.models.list_models()
    if entry is not None:
        model = next((m for m in theirs if entry in weights_of(m)), model)
    if model in UNFIT:
        msg = f'backbone {name!r} makes no map of an image: {UNFIT[model]}; use another'
        raise ValueError(msg)
    if model not in theirs and not timm.is_model(model):
        msg = f'backbone {name!r} is not a model of timm or TorchGeo; the nearest '
        msg += f'names are {nearest(name, backbone_names())}. For a model of TorchGeo '
        msg += 'give its weights, such as ResNet50_Weights.SENTINEL2_ALL_MOCO'
        raise ValueError(msg)
    if isinstance(weights, WeightsEnum):
        if weights not in weights_of(model):
            msg = f'weights {weights} are not of {model}; name them as backbone, '
            raise ValueError(f'{msg}or use weights of {model}')
        return Backbone(model, weights, weights)
    if entry is not None:
        return Backbone(model, entry, entry)
    if timm.is_model(model):
        if '.' in model:
            _check_tag(model)
        return Backbone(model, None, True if '.' in model else None)
    entries = weights_of(model)
    return Backbone(model, entries[0] if len(entries) == 1 else None)


def _check_tag(model: str) -> None:
    """Check that timm has weights of this name."""
    arch, _, tag = model.partition('.')
    known = timm.list_models(f'{arch}.*', pretrained=True)
    if model not in known:
        msg = f'timm has no weights {tag!r} of {arch}; its weights are '
        raise ValueError(msg + (', '.join(known) or 'none'))


def load_backbone(
    name: str,
    weights: AnyWeights,
    in_channels: int,
    arguments: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Make a network of timm or TorchGeo.

    Args:
        name: See :func:`find_backbone`.
        weights: Weights of TorchGeo or their full name, such as
            ``ResNet50_Weights.SENTINEL2_ALL_MOCO``; True for those that the name stands
            for, or that timm has for it; the path of a safetensors or PyTorch state
            dict; or None or False for random weights.
        in_channels: Number of channels of the network, unless its weights tell it.
        arguments: Other arguments of the network.

    Returns:
        The network, in evaluation mode.

    Raises:
        ConnectionError: If weights cannot be downloaded.
        FileNotFoundError: If there is no such file.
        ValueError: If the model or the weights are unknown or do not fit.
    """
    found = find_backbone(name, weights)
    weights = parse_weights(weights)
    options = dict(arguments or {})
    if isinstance(weights, str):
        return _from_file(found, weights, in_channels, options).eval()
    if not weights:
        return _untrained(found, in_channels, options).eval()
    if found.entry is None and not timm.is_model(found.model):
        msg = f'{found.model} has several weights, or none; name some of '
        raise ValueError(msg + (', '.join(map(str, weights_of(found.model))) or 'none'))
    try:
        if found.entry is not None:
            options |= _any_size(found.model)
            return get_model(found.model, weights=found.entry, **options).eval()
        return _timm(found.model, True, in_channels, options).eval()
    except (URLError, OSError) as error:
        if found.entry is not None:
            place = f'download {found.entry.url} elsewhere'
            cache = os.path.join(torch.hub.get_dir(), 'checkpoints')
        else:
            place = 'download them elsewhere'
            cache = 'of Hugging Face (HF_HOME)'
        msg = f'weights of {name} cannot be downloaded ({first_line(error)}); {place} '
        msg += f'and give their path as backbone_weights, or fill the cache {cache}'
        raise ConnectionError(msg) from None


def _any_size(model: str) -> dict[str, Any]:
    """What lets the vision transformers of TorchGeo take images of any size."""
    if model.startswith('vit_'):
        return {'dynamic_img_size': True}
    return {'modalities': ['optical']} if model.startswith('croma') else {}


def _timm(
    model: str, trained: bool, in_channels: int, options: Mapping[str, Any]
) -> nn.Module:
    """Make a network of timm, which takes images of any size if it can."""

    def make(**kwargs: Any) -> nn.Module:
        kwargs |= {'pretrained': trained, 'in_chans': in_channels, 'num_classes': 0}
        network: nn.Module = timm.create_model(model, **(kwargs | dict(options)))
        return network

    try:
        return make(dynamic_img_size=True)
    except TypeError:
        pass  # it takes any size as it is, or only one
    try:
        return make()
    except TypeError as error:
        msg = f'backbone_args={dict(options)} do not fit {model} ({first_line(error)})'
        raise ValueError(msg) from None


def _untrained(found: Backbone, in_channels: int, options: dict[str, Any]) -> nn.Module:
    """Make a network with random weights, of the form that its weights need."""
    model, entry = found.model, found.entry
    if entry is None and timm.is_model(model):
        return _timm(model, False, in_channels, options)
    meta = {} if entry is None else entry.meta
    channels = int(meta.get('in_chans', in_channels))
    if model.startswith(('resnet', 'vit_')):
        options['in_chans'] = channels
    if model == 'unet':
        options |= {
            'encoder_name': meta.get('encoder', 'resnet18'),
            'classes': meta.get('num_classes', 1),
            'in_channels': channels,
        }
    network = get_model(model, **(options | _any_size(model)))
    if isinstance(network, SwinTransformer):
        window = meta.get('window_size', 7)
        if model == 'swin_b' and window != 7:
            network = SwinTransformer(
                [4, 4], 128, [2, 2, 18, 2], [4, 8, 16, 32], [window, window]
            )
        stem: Any = network.features[0]
        stem[0] = nn.Conv2d(channels, stem[0].out_channels, 4, 4)
    return network


def _from_file(
    found: Backbone, path: str, in_channels: int, options: dict[str, Any]
) -> nn.Module:
    """Make a network with the weights of a file."""
    state = load_state_dict_file(path)
    if found.entry is not None:
        weights = _FileWeights(found.entry.meta, path)
        try:
            return get_model(
                found.model, weights=weights, **(options | _any_size(found.model))
            )
        except (AssertionError, RuntimeError, KeyError, AttributeError) as error:
            # TorchGeo says that weights do not fit, and not which.
            network = _untrained(found, in_channels, options)
            load_matching(network, state, '', path, found.name, _UNUSED)
            msg = f'weights {path} do not fit {found.name} ({first_line(error)})'
            raise ValueError(msg) from None
    network = _untrained(found, in_channels, options)
    # Those who publish weights name layers in their way; timm knows how.
    module = sys.modules[type(network).__module__]
    convert = getattr(module, 'checkpoint_filter_fn', None)
    if convert is not None:
        # What does not fit is named below.
        with suppress(KeyError, RuntimeError, TypeError, AttributeError, ValueError):
            state = convert(dict(state), network)
    load_matching(network, state, '', path, found.model, _UNUSED)
    return network
