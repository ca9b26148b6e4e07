# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Normalization of bands, which outliers do not change."""

import torch
from torch import Tensor, nn

from ..outliers import band_limits


class BandNormalizer(nn.Module):
    """Standardizes bands with stored statistics.

    Outliers, such as fill values that no tag declares, do not enter the statistics, and
    are cut off at limits beyond all other pixels.
    """

    mean: Tensor
    std: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, channels: int) -> None:
        """Initialize a new BandNormalizer instance.

        Args:
            channels: Number of bands, C.
        """
        super().__init__()
        self.register_buffer('mean', torch.zeros(channels))
        self.register_buffer('std', torch.ones(channels))
        self.register_buffer('low', torch.full((channels,), -torch.inf))
        self.register_buffer('high', torch.full((channels,), torch.inf))

    @torch.no_grad()
    def estimate(self, pixels: Tensor) -> None:
        """Estimate the statistics, and the limits beyond which pixels are outliers.

        Args:
            pixels: Valid pixels of shape ``(N, C)``.

        Raises:
            ValueError: If all pixels are the same.
        """
        low, high = (torch.from_numpy(v) for v in band_limits(pixels.cpu().numpy()))
        self.low.copy_(low)
        self.high.copy_(high)
        pixels = pixels[~self.beyond(pixels.T).to(pixels.device)].double()
        std = pixels.std(0, correction=0)
        if not (std > 0).any():
            msg = 'the training data is constant: every valid pixel is '
            msg += f'{[round(v, 6) for v in pixels[0].tolist()]}; there is nothing to '
            msg += 'split into classes, check bands, scale and nodata'
            raise ValueError(msg)
        self.mean.copy_(pixels.mean(0))
        # A constant band carries nothing; a tiny deviation would blow up its noise.
        self.std.copy_(torch.where(std > 1e-6 * std.max(), std, std.max()))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize bands.

        Args:
            x: Bands of shape ``(B, C, H, W)``.

        Returns:
            Normalized bands of the same shape.
        """
        if self.is_beyond(x):
            x = x.clamp(self.low[:, None, None], self.high[:, None, None])
        return (x - self.mean[:, None, None]) / self.std[:, None, None]

    def is_beyond(self, x: Tensor) -> bool:
        """Whether any value is beyond the limits, which is quick to tell.

        Args:
            x: Bands of shape ``(B, C, H, W)``.

        Returns:
            False if no band is.
        """
        dims = (0, 2, 3)
        inside = (x.amin(dims) >= self.low) & (x.amax(dims) <= self.high)
        return not bool(inside.all())

    def beyond(self, x: Tensor) -> Tensor:
        """Find outliers.

        Args:
            x: Bands, with bands in the third dimension from the last, or the first of
                two.

        Returns:
            True where a band is beyond its limits, without the dimension of the bands.
        """
        shape = (-1, 1, 1) if x.ndim > 2 else (-1, 1)
        dim = -len(shape)
        return ((x < self.low.view(shape)) | (x > self.high.view(shape))).any(dim)

    def inverse(self, x: Tensor) -> Tensor:
        """Bring normalized bands back to the units of the input.

        Args:
            x: Normalized bands of shape ``(..., C, H, W)``.

        Returns:
            Bands of the same shape.
        """
        return x * self.std[:, None, None] + self.mean[:, None, None]
