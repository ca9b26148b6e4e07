# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""VGG-16 feature extractor."""

import os
from collections.abc import Mapping, Sequence
from urllib.error import URLError

import torch
from torch import Tensor, nn
from torchvision.models import VGG16_Weights, vgg16
from torchvision.models._api import WeightsEnum

from ..state_dicts import load_matching, load_state_dict_file
from .base import FeatureExtractor

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
    window = 12

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
        state = _vgg16_state(weights)
        what = "torchvision's vgg16"
        load_matching(self.network, state, 'features.', str(weights), what)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Extract features, at stride 4 for relu3_3 and 8 for relu4_3."""
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


def _vgg16_state(weights: WeightsEnum | str | bool) -> Mapping[str, Tensor]:
    if isinstance(weights, str) and weights.lower() == 'true':
        weights = True  # how the command line hands a boolean over
    if weights is True:
        weights = VGG16_Weights.IMAGENET1K_FEATURES
    if not isinstance(weights, WeightsEnum):
        return load_state_dict_file(str(weights))
    try:
        state: Mapping[str, Tensor] = weights.get_state_dict(
            progress=True, check_hash=True, weights_only=True
        )
    except (URLError, OSError, RuntimeError) as error:
        msg = f'{weights} cannot be downloaded ({error}); download '
        msg += f'{weights.url} elsewhere and give its path as weights, or put it into '
        msg += os.path.join(torch.hub.get_dir(), 'checkpoints')
        raise ConnectionError(msg) from None
    return state
