# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""How images of any size go through networks that were made for one size."""

import types
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from timm.layers.pos_embed import resample_abs_pos_embed
from torch import Tensor, nn
from torch.func import functional_call
from torchgeo.models import (
    CROMA,
    DEO,
    DOFA,
    CopernicusFM,
    EarthLoc,
    Panopticon,
    ScaleMAE,
    TileNet,
)
from torchgeo.models.croma import get_2dalibi
from torchgeo.models.scale_mae import get_2d_sincos_pos_embed_with_resolution
from torchvision.models import SwinTransformer

#: Center in micrometres of red, green, blue and near infrared of Sentinel-2.
#: https://sentiwiki.copernicus.eu/web/s2-mission
WAVELENGTHS = (0.665, 0.56, 0.49, 0.842)

#: Their widths in nanometres, as in the example of TorchGeo's CopernicusFM, and that of
#: any other band.
_WIDTHS = dict(zip(WAVELENGTHS, (30.0, 35.0, 65.0, 115.0), strict=True))
_WIDTH = 40.0


class Encoder:
    """A network, and what its maps are like.

    Attributes:
        network: The network.
        last: Its last layer, whose features are taken if no layer is named.
        multiple: Height and width of images are multiples of this.
        tokens: Height and width of images, at most, in multiples.
        prefix: Number of tokens that are of no place, before those that are.
        size: Height and width that all images are brought to, if they have to be.
    """

    multiple = 1
    tokens = 64
    prefix: int | None = None
    size: tuple[int, int] | None = None

    def __init__(self, network: nn.Module, last: str | None = None) -> None:
        """Initialize a new Encoder instance.

        Args:
            network: Network.
            last: Its last layer, if that is known.
        """
        self.network = network
        self.last = last

    def __call__(self, image: Tensor, final: bool = False) -> Tensor | None:
        """Let images go through the network.

        Args:
            image: Channels of shape ``(B, C, H, W)``, of whole multiples.
            final: Whether to return the features of the last layer.

        Returns:
            Features of shape ``(B, F, h, w)``, or None if they are to be taken from
            :attr:`last`.
        """
        self.network(image)
        return None

    def grid(self, image: Tensor) -> tuple[int, int]:
        """Height and width of an image in multiples.

        Args:
            image: Channels of shape ``(B, C, H, W)``.

        Returns:
            Both.
        """
        return image.shape[-2] // self.multiple, image.shape[-1] // self.multiple

    def keep_to_size(self) -> bool:
        """Bring all images to the only size that the network takes.

        Returns:
            Whether such a size is known, and was not kept to before.
        """
        return False


class _Timm(Encoder):
    """Networks of timm: it knows itself how tokens become maps."""

    def __init__(self, network: Any) -> None:
        super().__init__(network)
        info = getattr(network, 'feature_info', None)
        self.stride = max(stage['reduction'] for stage in info) if info else 32
        if hasattr(network, 'patch_embed'):
            self.multiple = self.stride
            self.prefix = getattr(network, 'num_prefix_tokens', None)

    def keep_to_size(self) -> bool:
        config = getattr(self.network, 'pretrained_cfg', None)
        if self.size is not None or not config:
            return False
        _, height, width = config['input_size']
        self.size = height, width
        self.multiple, self.tokens = self.stride, height // self.stride
        return True

    def grid(self, image: Tensor) -> tuple[int, int]:
        height, width = self.size or image.shape[-2:]
        return height // self.multiple, width // self.multiple

    def __call__(self, image: Tensor, final: bool = False) -> Tensor | None:
        network: Any = self.network
        if self.size is not None and self.size != image.shape[-2:]:
            image = F.interpolate(image, self.size, mode='bilinear', antialias=True)
        if not final:
            network(image)
            return None
        options = {'indices': 1, 'intermediates_only': True}
        try:
            found = network.forward_intermediates(image, norm=True, **options)
        except AssertionError:  # some have no norm
            found = network.forward_intermediates(image, **options)
        last: Tensor = found[-1]
        return last


class _ScaleMAE(_Timm):
    """Positions count metres, and TorchGeo knows those of squares."""

    def __init__(self, network: ScaleMAE) -> None:
        super().__init__(network)
        network.patch_embed.strict_img_size = False
        network._pos_embed = types.MethodType(_add_positions, network)  # type: ignore[method-assign]

    def __call__(self, image: Tensor, final: bool = False) -> Tensor | None:
        self.network.grid_shown = self.grid(image)  # type: ignore[assignment]
        return super().__call__(image, final)


def _add_positions(self: Any, x: Tensor) -> Tensor:
    height, width = self.grid_shown
    side = max(height, width)
    res = torch.tensor([self.res], dtype=x.dtype, device=x.device)
    square = get_2d_sincos_pos_embed_with_resolution(x.shape[-1], side, res)
    places = square.view(1, side, side, -1)[:, :height, :width].flatten(1, 2)
    # That of the class token is zero.
    return torch.cat([self.cls_token.expand(len(x), -1, -1), x + places], 1)


class _Spectral(Encoder):
    """Networks that take any bands, and are told their wavelengths."""

    prefix = 1

    def __init__(
        self,
        network: DOFA | Panopticon | CopernicusFM,
        wavelengths: Sequence[float] | None,
    ) -> None:
        panopticon = isinstance(network, Panopticon)
        inner: Any = network.model if panopticon else network
        super().__init__(
            network, 'model.norm' if panopticon else f'blocks.{len(inner.blocks) - 1}'
        )
        self.wavelengths = tuple(wavelengths or WAVELENGTHS[:3])
        self.positions = 'model.pos_embed' if panopticon else 'pos_embed'
        match network:
            case Panopticon():
                self.multiple = int(inner.patch_embed.patch_size[0])
            case DOFA():
                self.multiple = network.patch_size
            case _:
                self.multiple = int(network.patch_embed_spectral.kernel_size)

    def __call__(self, image: Tensor, final: bool = False) -> None:
        grid, network = self.grid(image), self.network
        known = network.get_parameter(self.positions)
        resampled = resample_abs_pos_embed(known, list(grid))
        arguments: tuple[Any, ...] = (image, list(self.wavelengths))
        options: dict[str, Any] = {}
        nanometres = [1000 * length for length in self.wavelengths]
        match network:
            case Panopticon():
                ids = torch.tensor(nanometres, device=image.device)
                ids = ids.expand(len(image), -1).clone()
                arguments = ({'imgs': image, 'chn_ids': ids},)
            case CopernicusFM():
                network.num_patches = grid[0] * grid[1]  # positions are right as given
                unknown = torch.full((len(image), 4), torch.nan, device=image.device)
                arguments = (image, unknown)
                options = {
                    'wavelengths': nanometres,
                    'bandwidths': [_WIDTHS.get(w, _WIDTH) for w in self.wavelengths],
                }
        functional_call(network, {self.positions: resampled}, arguments, options)


class _Croma(Encoder):
    """Attention falls with distance, which is known of squares."""

    prefix = 0
    #: Attention of all tokens to all others, with the bias of each, takes memory: this
    #: is twice the size of the training images.
    tokens = 30

    def __init__(self, network: CROMA) -> None:
        super().__init__(network, 's2_encoder')
        self.multiple = network.patch_size
        self.side, self.bias = 0, torch.zeros(0)

    def __call__(self, image: Tensor, final: bool = False) -> None:
        network: Any = self.network
        height, width = self.grid(image)
        if max(height, width) > self.side:
            self.side = max(height, width)
            self.bias = get_2dalibi(network.num_heads, self.side**2)
        rows = torch.arange(height)[:, None] * self.side
        index = (rows + torch.arange(width)).flatten()
        bias = self.bias[:, :, index][..., index].to(image)
        functional_call(network, {'attn_bias': bias}, (), {'x_optical': image})


class _TileNet(Encoder):
    """Without the average over 64 pixels at the end."""

    def __call__(self, image: Tensor, final: bool = False) -> None:
        network: Any = self.network
        x = F.relu(network.bn1(network.conv1(image)))
        for i in range(1, 6):
            x = getattr(network, f'layer{i}')(x)


class _EarthLoc(Encoder):
    """Without the descriptor of the whole image."""

    def __call__(self, image: Tensor, final: bool = False) -> None:
        self.network.backbone(image)  # type: ignore[operator]


def make_encoder(
    network: nn.Module, wavelengths: Sequence[float] | None = None
) -> Encoder:
    """Find how images go through a network.

    Args:
        network: Network of timm, torchvision or TorchGeo, or any other.
        wavelengths: Wavelength in micrometres of each channel, for networks that take
            any bands (defaults to red, green and blue).

    Returns:
        What knows it.
    """
    match network:
        case ScaleMAE():
            return _ScaleMAE(network)
        case DOFA() | Panopticon() | CopernicusFM():
            return _Spectral(network, wavelengths)
        case CROMA():
            return _Croma(network)
        case TileNet():
            return _TileNet(network, 'layer5')
        case EarthLoc():
            return _EarthLoc(network, 'backbone.layer3')
    if hasattr(network, 'forward_intermediates'):
        return _Timm(network)
    encoder = Encoder(network)
    if isinstance(network, SwinTransformer):
        encoder.last, encoder.multiple = 'norm', 32
    elif isinstance(network, DEO):
        encoder.last, encoder.multiple = 'feat_extr.features.6', 32
    elif hasattr(network, 'segmentation_head'):  # segmentation-models-pytorch
        encoder.last, encoder.multiple = 'decoder', 32
    return encoder
