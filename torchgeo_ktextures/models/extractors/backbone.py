# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Layers of any network as feature groups."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .base import FeatureExtractor


class BackboneFeatures(FeatureExtractor):
    """Groups ``backbone_<layer>``: named layers of a convolutional network.

    The network is one of timm, or of TorchGeo by its name or its weights.
    """

    window = 24

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: nn.Module,
        layers: Sequence[str],
        bands: Sequence[int] = (0, 1, 2),
        mean: Sequence[float] | float = 0.0,
        std: Sequence[float] | float = 1.0,
    ) -> None:
        """Initialize a new BackboneFeatures instance.

        Args:
            network: Network that takes images of shape ``(B, len(bands), H, W)``.
            layers: Names of its layers, as in ``network.named_modules()``.
            bands: Index of the band for each channel of the network; -1 leaves a
                channel at its mean.
            mean: Mean of each channel that the network expects.
            std: Standard deviation of each channel that the network expects.

        Raises:
            ValueError: If a layer is unknown or does not put out a feature map, or the
                bands do not fit.
        """
        super().__init__()
        self.network = network
        self.layers = tuple(layers)
        self.bands = tuple(bands)
        count = len(self.bands)
        for name, value in (('mean', mean), ('std', std)):
            values = [value] * count if isinstance(value, int | float) else list(value)
            if len(values) != count:
                msg = f'{name} has {len(values)} numbers for {count} channels; give '
                raise ValueError(msg + 'one per channel')
            buffer = torch.tensor(values, dtype=torch.float32)[:, None, None]
            self.register_buffer(name, buffer, persistent=False)
        modules = dict(network.named_modules())
        for layer in self.layers:
            if layer not in modules or not layer:
                tops = [name for name, _ in network.named_children()]
                msg = f'layer {layer!r} is not in {type(network).__name__}; its top '
                msg += f'layers are {", ".join(tops)}'
                raise ValueError(msg)
        self._found: dict[str, Any] = {}
        for layer in self.layers:
            modules[layer].register_forward_hook(self._keep(layer))
        self.channels = self._probe()

    def _keep(self, layer: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            self._found[layer] = output

        return hook

    def _probe(self) -> dict[str, int]:
        self.network.eval()
        with torch.no_grad():
            try:
                found = self.forward(torch.zeros(1, max(self.bands) + 1, 64, 64))
            except RuntimeError as error:
                msg = f'{type(self.network).__name__} does not take images of '
                msg += f'{len(self.bands)} channels ({error}); give one entry of bands '
                raise ValueError(msg + 'per channel') from None
        channels = {}
        for name, value in found.items():
            if not isinstance(value, Tensor) or value.ndim != 4:
                msg = f'{name.removeprefix("backbone_")} does not put out a feature '
                msg += 'map of shape (B, F, h, w); use a convolutional layer'
                raise ValueError(msg)
            channels[name] = value.shape[1]
        return channels

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Extract features."""
        zero = torch.zeros_like(x[:, :1])
        channels = [x[:, i : i + 1] if i >= 0 else zero for i in self.bands]
        self._found = {}
        self.network(torch.cat(channels, 1) * self.std + self.mean)
        found, self._found = self._found, {}
        return {f'backbone_{layer}': found[layer] for layer in self.layers}
