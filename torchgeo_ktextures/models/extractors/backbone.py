# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Layers of any network as feature groups."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import FeatureExtractor
from .encoders import make_encoder
from .tiling import Maps, shifted, tiled


class BackboneFeatures(FeatureExtractor):
    """Groups ``backbone`` and ``backbone_<layer>``: layers of a network as maps.

    The network is one of timm, of TorchGeo, or any other that takes images. Tokens of
    vision transformers become maps: tokens that are of no place are left out, images
    are brought to whole patches, and positions are interpolated. Large images go
    through in overlapping tiles.
    """

    frozen = True

    #: Whether nobody asked for the random weights that the network has.
    untrained = False

    #: What the network is made of again when its weights are loaded, if that is to be
    #: done later: its name, its number of channels and its other arguments.
    later: tuple[str, int, dict[str, Any]] | None = None

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: nn.Module,
        layers: Sequence[str] = ('',),
        bands: Sequence[int] = (0, 1, 2),
        mean: Sequence[float] | float = 0.0,
        std: Sequence[float] | float = 1.0,
        upsampling: Literal['bilinear', 'shifted'] = 'bilinear',
        wavelengths: Sequence[float] | None = None,
        name: str = 'backbone',
    ) -> None:
        """Initialize a new BackboneFeatures instance.

        Args:
            network: Network that takes images of shape ``(B, len(bands), H, W)``.
            layers: Names of its layers, as in ``network.named_modules()``; an empty
                name is the last one, normalized.
            bands: Index of the band for each channel of the network; -1 leaves a
                channel at its mean.
            mean: Mean of each channel that the network expects.
            std: Standard deviation of each channel that the network expects.
            upsampling: Whether maps keep their cells, which are interpolated later
                ('bilinear'), or get four times as many by passes over the image shifted
                by half a cell ('shifted').
            wavelengths: Wavelength in micrometres of each channel, for networks that
                take any bands.
            name: What names of groups begin with.

        Raises:
            ValueError: If a layer is unknown or does not put out a feature map, or the
                bands do not fit.
        """
        super().__init__()
        self.network = network
        self.encoder = make_encoder(network, wavelengths)
        self.bands = tuple(bands)
        if upsampling not in ('bilinear', 'shifted'):
            msg = f"upsampling={upsampling!r} must be 'bilinear' or 'shifted'"
            raise ValueError(msg)
        count = len(self.bands)
        for kind, value in (('mean', mean), ('std', std)):
            values = [value] * count if isinstance(value, int | float) else list(value)
            if len(values) != count:
                msg = f'{kind} has {len(values)} numbers for {count} channels; give '
                raise ValueError(msg + 'one per channel')
            buffer = torch.tensor(values, dtype=torch.float32)[:, None, None]
            self.register_buffer(kind, buffer, persistent=False)
        #: Layer of each group, None for what the network itself gives as its last.
        self.layers: dict[str, str | None] = {}
        modules = dict(network.named_modules())
        for layer in layers:
            known = layer or self.encoder.last
            if layer and layer not in modules:
                msg = f'layer {layer!r} is not in {type(network).__name__}; its top '
                msg += f'layers are {", ".join(n for n, _ in network.named_children())}'
                raise ValueError(msg)
            if known is None and not hasattr(network, 'forward_intermediates'):
                msg = f'the last layer of {type(network).__name__} is not known; name '
                msg += f'one, as {name}_LAYER; its top layers are '
                msg += ', '.join(n for n, _ in network.named_children())
                raise ValueError(msg)
            self.layers[f'{name}_{layer}' if layer else name] = known
        self.upsampling = upsampling
        self._last_dim: set[str] = set()
        self._probe()

    def _probe(self) -> None:
        """Find out what maps are like, by an image that is 2 by 3 where that can be."""
        kind = type(self.network).__name__
        image, found = self._try_sizes()
        self.channels, strides = {}, {}
        for group, value in found.items():
            if isinstance(value, Tensor) and value.ndim == 4:
                _, first, second, third = value.shape
                if 3 * first == 2 * second and 3 * second != 2 * third:
                    self._last_dim.add(group)
            try:
                shown = self._as_map(group, value, image)
            except (ValueError, AttributeError):
                msg = f'{self.layers[group]} does not put out a feature map of shape '
                msg += f'(B, F, h, w) or tokens of places; use another layer of {kind}'
                raise ValueError(msg) from None
            self.channels[group] = shown.shape[1]
            seen = self.encoder.size or image.shape[-2:]
            strides[group] = seen[0] // shown.shape[-2]
        if self.upsampling == 'shifted' and len(set(strides.values())) > 1:
            msg = 'shifted passes need layers of one stride, not of '
            raise ValueError(msg + ', '.join(f'{n}: {s}' for n, s in strides.items()))
        if self.upsampling == 'shifted' and self.encoder.size is not None:
            msg = f'{kind} takes images of {seen[0]} x {seen[1]} pixels only, so that '
            raise ValueError(f"{msg}there are no shifted passes; use 'bilinear'")
        #: Stride of each group in pixels.
        passes = 2 if self.upsampling == 'shifted' else 1
        self.strides = {name: stride // passes for name, stride in strides.items()}
        # A patch is an average already; the grain of convolutions is not.
        self.window = 1 if self.encoder.multiple > 1 else 12

    def _try_sizes(self) -> tuple[Tensor, dict[str, Any]]:
        """An image of zeros that the network takes, and what layers make of it."""
        self.network.eval()
        while True:
            unit = self.encoder.multiple if self.encoder.multiple > 1 else 32
            height, width = 2 * unit, 3 * unit
            image = torch.zeros(1, len(self.bands), height, width)
            try:
                with torch.no_grad():
                    return image, self._layers_of(image)
            except (RuntimeError, AssertionError, ValueError) as error:
                if not self.encoder.keep_to_size():
                    msg = f'{type(self.network).__name__} does not take images of '
                    msg += f'{len(self.bands)} channels and {height} x {width} pixels '
                    msg += f'({error}); give one entry of bands per channel'
                    raise ValueError(msg) from None

    @contextmanager
    def _kept(self) -> Iterator[dict[str, Any]]:
        """Keep what layers put out, only as long as images go through."""
        found: dict[str, Any] = {}

        def keep(group: str) -> Any:
            def hook(module: nn.Module, inputs: Any, output: Any) -> None:
                found[group] = output

            return hook

        modules = dict(self.network.named_modules())
        handles = [
            modules[layer].register_forward_hook(keep(group))
            for group, layer in self.layers.items()
            if layer is not None
        ]
        try:
            yield found
        finally:
            for handle in handles:
                handle.remove()

    def _layers_of(self, image: Tensor) -> dict[str, Any]:
        """What each layer puts out."""
        own = [group for group, layer in self.layers.items() if layer is None]
        with self._kept() as found:
            final = self.encoder(image, final=bool(own))
        return {group: found.get(group, final) for group in self.layers}

    def _as_map(self, group: str, value: Any, image: Tensor) -> Tensor:
        """Bring what a layer puts out to the shape ``(B, F, h, w)``."""
        shown: Tensor
        if value.ndim == 3:
            height, width = self.encoder.grid(image)
            prefix = value.shape[1] - height * width
            if prefix != (self.encoder.prefix or 0):
                raise ValueError('tokens are not of places')
            places = value[:, prefix:].transpose(1, 2)
            shown = places.unflatten(2, (height, width))
            return shown
        if value.ndim != 4:
            raise ValueError('no map')
        shown = value.movedim(-1, 1) if group in self._last_dim else value
        return shown

    def _maps_of(self, image: Tensor) -> Maps:
        found = self._layers_of(image)
        return {n: self._as_map(n, value, image) for n, value in found.items()}

    def _tiles_of(self, image: Tensor) -> Maps:
        if self.encoder.multiple == 1:
            return self._maps_of(image)
        multiple, most = self.encoder.multiple, self.encoder.tokens
        return tiled(self._maps_of, image, multiple, most)

    def forward(self, x: Tensor) -> Maps:
        """Extract features.

        Args:
            x: Normalized bands of shape ``(B, C, H, W)``.

        Returns:
            Features by group, whose cells cover the image exactly.
        """
        if max(self.bands) >= x.shape[1]:
            msg = f'bands={list(self.bands)} has more than the {x.shape[1]} bands that '
            raise ValueError(msg + 'there are; -1 leaves a channel at its mean')
        zero = torch.zeros_like(x[:, :1])
        channels = [x[:, i : i + 1] if i >= 0 else zero for i in self.bands]
        image = torch.cat(channels, 1) * self.std + self.mean
        multiple = self.encoder.multiple
        if multiple > 1:
            # The nearest whole number of patches: no part of a cell is beyond the image.
            size = [max(round(n / multiple), 1) * multiple for n in image.shape[-2:]]
            if size != list(image.shape[-2:]):
                image = F.interpolate(image, size, mode='bilinear', antialias=True)
        if self.upsampling == 'shifted':
            stride = 2 * next(iter(self.strides.values()))
            return shifted(self._tiles_of, image, stride)
        return self._tiles_of(image)
