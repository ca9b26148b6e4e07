# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Mask network: an encoder-decoder that gives one logit per class and cell."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Scales, in pixels, at which the decoder can stop.
MASK_STRIDES = (1, 2, 4, 8, 16)


def _block(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    # BatchNorm, not GroupNorm: with fixed statistics the network stays local, so a
    # tile and the whole scene give the same logits.
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


class MaskNetwork(nn.Module):
    """Encoder-decoder of which the decoder stops at ``mask_stride``.

    The encoder goes down to stride 16. Decoder stages finer than ``mask_stride`` do
    not exist, so coarse masks cost less.

    If you use this model in your research, please cite the following paper:

    * https://arxiv.org/abs/2205.08671
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        mask_stride: int = 4,
        widths: tuple[int, int, int, int, int] = (16, 32, 48, 64, 96),
    ) -> None:
        """Initialize a new MaskNetwork instance.

        Args:
            in_channels: Number of bands.
            num_classes: Number of classes, k.
            mask_stride: Scale in pixels at which classes may change: 1, 2, 4, 8 or 16.
            widths: Number of channels at strides 1, 2, 4, 8 and 16.

        Raises:
            ValueError: If *mask_stride* is not one of the strides of the encoder.
        """
        super().__init__()
        if mask_stride not in MASK_STRIDES:
            msg = f'mask_stride={mask_stride} is not available, use one of '
            msg += ', '.join(map(str, MASK_STRIDES))
            raise ValueError(msg)
        self.mask_stride = mask_stride
        self.encoder = nn.ModuleList([_block(in_channels, widths[0])])
        for fine, coarse in pairwise(widths):
            stage = nn.Sequential(
                _block(fine, coarse, stride=2), _block(coarse, coarse)
            )
            self.encoder.append(stage)
        stop = MASK_STRIDES.index(mask_stride)
        self.decoder = nn.ModuleList(
            _block(widths[i + 1] + widths[i], widths[i])
            for i in reversed(range(stop, len(widths) - 1))
        )
        self.head = nn.Conv2d(widths[stop], num_classes, 1)
        self.to(memory_format=torch.channels_last)

    @property
    def receptive_field(self) -> int:
        """Width in pixels of the square around a pixel that decides its logits.

        Interpolation to the pixel grid included; an upper bound.
        """
        field, jump = 3, 1
        for _ in self.encoder[1:]:
            field += 2 * jump
            jump *= 2
            field += 2 * jump
        for _ in self.decoder:
            field += 2 * jump  # bilinear interpolation reaches one coarse cell
            jump //= 2
            field += 2 * jump
        return field + (2 * jump if jump > 1 else 0)

    @property
    def context(self) -> int:
        """Number of pixels around a pixel that decide its logits, at most."""
        return -(-self.receptive_field // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits on the mask grid.

        Args:
            x: Normalized bands of shape ``(B, C, H, W)``, of any size.

        Returns:
            Logits of shape ``(B, k, ceil(H / s), ceil(W / s))``.
        """
        height, width = x.shape[-2:]
        deepest = MASK_STRIDES[-1]
        # Pad right and below only: cells keep their place on the grid.
        pad = (0, -width % deepest, 0, -height % deepest)
        x = F.pad(x, pad, mode='replicate')
        skips = []
        for stage in self.encoder:
            x = stage(x)
            skips.append(x)
        x = skips.pop()
        for stage in self.decoder:
            skip = skips.pop()
            x = F.interpolate(x, scale_factor=2, mode='bilinear', align_corners=False)
            x = stage(torch.cat([x, skip], dim=1))
        s = self.mask_stride
        logits: Tensor = self.head(x)
        return logits[..., : -(-height // s), : -(-width // s)]


def upsample_logits(logits: Tensor, stride: int, size: tuple[int, int]) -> Tensor:
    """Interpolate logits from the mask grid to the pixel grid.

    Args:
        logits: Logits of shape ``(B, k, ceil(H / s), ceil(W / s))``.
        stride: Mask stride s.
        size: Height and width in pixels, ``(H, W)``.

    Returns:
        Logits of shape ``(B, k, H, W)``.
    """
    if stride > 1:
        logits = F.interpolate(
            logits, scale_factor=stride, mode='bilinear', align_corners=False
        )
    return logits[..., : size[0], : size[1]]
