# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""VGG-16 feature extractor."""

import os
from collections.abc import Mapping, Sequence
from pickle import UnpicklingError
from typing import cast
from urllib.error import URLError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import VGG16_Weights, vgg16
from torchvision.models._api import WeightsEnum

from .extractors import FeatureExtractor

#: Layers offered: index in torchvision's ``features``, number of channels.
#: https://arxiv.org/abs/1409.1556, table 1, column D
VGG16_LAYERS = {
    'relu1_2': (3, 64),
    'relu2_2': (8, 128),
    'relu3_3': (15, 256),
    'relu4_3': (22, 512),
}


class VGG16Features(FeatureExtractor):
    """Groups ``vgg16_relu3_3``, ``vgg16_relu4_3``: VGG-16 on three-band composites.

    Every composite goes through the same network and the features are concatenated.
    Borders are padded by replication instead of zeros; away from them the features are
    those of the original.

    If you use this extractor in your research, please cite the following paper:

    * https://arxiv.org/abs/1409.1556
    """

    # Single features follow the grain of a texture, their averages describe it.
    window = 24

    #: Mean of ImageNet in units of 255, that the network was trained to see subtracted.
    mean: Tensor

    def __init__(
        self,
        composites: Sequence[Sequence[int]],
        layers: Sequence[str] = ('relu3_3', 'relu4_3'),
        weights: WeightsEnum | str | bool | None = None,
    ) -> None:
        """Initialize a new VGG16Features instance.

        Args:
            composites: Band indices of each three-band composite, for example
                ``[(0, 1, 2), (3, 0, 1)]`` for RGB and NIR-R-G.
            layers: Names of the layers, in network order.
            weights: A torchvision weight enum, True for
                ``VGG16_Weights.IMAGENET1K_FEATURES``, the path of a safetensors or
                PyTorch state dict, or None for random weights.

        Raises:
            ValueError: If a layer is unknown, or the weights do not fit the network.
            FileNotFoundError: If the file of weights does not exist.
        """
        super().__init__()
        unknown = sorted(set(layers) - set(VGG16_LAYERS))
        if unknown:
            msg = f'VGG-16 layer {unknown[0]!r} is unknown, use some of '
            msg += ', '.join(VGG16_LAYERS)
            raise ValueError(msg)
        self.composites = [list(composite) for composite in composites]
        self.layers = {VGG16_LAYERS[name][0]: f'vgg16_{name}' for name in layers}
        self.channels = {
            f'vgg16_{name}': VGG16_LAYERS[name][1] * len(composites) for name in layers
        }
        modules: list[nn.Module] = []
        for module in vgg16().features[: max(self.layers) + 1]:
            match module:
                case nn.Conv2d(in_channels=inputs, out_channels=outputs):
                    # Zeros around a training patch would be texture of their own.
                    conv = nn.Conv2d(
                        inputs, outputs, 3, padding=1, padding_mode='replicate'
                    )
                    modules.append(conv)
                case nn.ReLU():
                    modules.append(nn.ReLU())  # in place, it would spoil kept layers
                case _:
                    modules.append(module)
        self.network = nn.Sequential(*modules)
        mean = torch.tensor([123.68, 116.779, 103.939])
        self.register_buffer('mean', mean[:, None, None], persistent=False)
        if weights:
            self.load_weights(weights)

    def load_weights(self, weights: WeightsEnum | str | bool) -> None:
        """Load weights, without executing code from the file.

        Args:
            weights: See :meth:`__init__`.

        Raises:
            ValueError: If the weights do not fit the network.
            FileNotFoundError: If the file does not exist.
        """
        state = load_state_dict_file(weights)
        own = self.network.state_dict()
        picked: dict[str, Tensor] = {}
        for name, value in own.items():
            found = state.get(f'features.{name}', state.get(name))
            if found is None or found.shape != value.shape:
                what = 'is missing' if found is None else f'is {tuple(found.shape)}'
                msg = f'weights {weights!s} do not fit VGG-16: features.{name} {what}, '
                msg += f'expected {tuple(value.shape)}; use a state dict of '
                msg += "torchvision's vgg16"
                raise ValueError(msg)
            picked[name] = found.to(value.dtype)
        self.network.load_state_dict(picked)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Extract features.

        Args:
            x: Normalized bands of shape ``(B, C, H, W)``.

        Returns:
            Features by group, at stride 4 for relu3_3 and 8 for relu4_3.
        """
        # Zero-mean, unit-variance bands take the contrast of natural images, whose
        # standard deviation is 58 on average over the channels of ImageNet.
        images = [58.0 * x[:, composite] for composite in self.composites]
        h = torch.cat(images)
        outputs: dict[str, Tensor] = {}
        for index, module in enumerate(self.network):
            h = module(h)
            if index in self.layers:
                chunks = h.chunk(len(self.composites))
                outputs[self.layers[index]] = torch.cat(chunks, dim=1)
        return outputs


def load_state_dict_file(weights: WeightsEnum | str | bool) -> Mapping[str, Tensor]:
    """Load a state dict from a safe source.

    Args:
        weights: A weight enum, True for ``VGG16_Weights.IMAGENET1K_FEATURES``, or the
            path of a safetensors or PyTorch file.

    Returns:
        The state dict.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If the file cannot be read safely.
        TypeError: If it holds something else than a state dict.
        ConnectionError: If weights cannot be downloaded.
    """
    if isinstance(weights, str) and weights.lower() == 'true':
        weights = True  # how the command line hands a boolean over
    if weights is True:
        weights = VGG16_Weights.IMAGENET1K_FEATURES
    if isinstance(weights, WeightsEnum):
        try:
            enum_state: Mapping[str, Tensor] = weights.get_state_dict(
                progress=True, check_hash=True, weights_only=True
            )
        except (URLError, OSError, RuntimeError) as error:
            msg = f'{weights} cannot be downloaded ({error}); download '
            msg += f'{weights.url} elsewhere and give its path as weights'
            raise ConnectionError(msg) from None
        return enum_state
    path = str(weights)
    if not os.path.isfile(path):
        msg = f'weights file {path!r} does not exist; give the path of a safetensors '
        msg += 'or PyTorch state dict, or true to download the ImageNet weights'
        raise FileNotFoundError(msg)
    try:
        if path.endswith('.safetensors'):
            return load_file(path)
        state = torch.load(path, map_location='cpu', weights_only=True)
    except (SafetensorError, RuntimeError, EOFError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        msg = f'weights file {path!r} cannot be read ({reason}); '
        msg += 'it may be truncated, get a fresh copy'
        raise ValueError(msg) from None
    except UnpicklingError:
        msg = f'weights file {path!r} is not a plain state dict, and code in files is '
        msg += 'never run; save model.state_dict() as safetensors'
        raise ValueError(msg) from None
    if not isinstance(state, Mapping):
        msg = f'weights file {path!r} holds a {type(state).__name__}, '
        msg += 'not a state dict; save model.state_dict()'
        raise TypeError(msg)
    nested = state.get('state_dict', state)
    return cast(Mapping[str, Tensor], nested)
