# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What single pixels of each class look like."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .gaussians import MomentGaussians
from .settings import LEAST_PROBABILITY, PIXELS

#: Log-likelihood below the best class that counts, at least.
_LEAST = math.log(LEAST_PROBABILITY)


class PixelColors(nn.Module):
    """One Gaussian of the colour of single pixels per class.

    Local moments tell what class a place is of, and single pixels where exactly it
    ends. They say nothing until they were fitted.
    """

    fitted: Tensor

    def __init__(self, num_classes: int, in_channels: int) -> None:
        """Initialize a new PixelColors instance.

        Args:
            num_classes: Number of classes, k.
            in_channels: Number of bands, C.
        """
        super().__init__()
        self.gaussians = MomentGaussians(num_classes, in_channels)
        self.register_buffer('fitted', torch.tensor(False))

    @torch.no_grad()
    def fit(self, images: Sequence[Tensor], labels: Sequence[Tensor]) -> None:
        """Estimate the Gaussians.

        Args:
            images: Batches of bands on the logarithmic scale, ``(B, C, H, W)``.
            labels: Class of each pixel, of shape ``(B, H, W)``; negative values do not
                count.
        """
        pixels = torch.cat(
            [x.movedim(1, -1)[y >= 0] for x, y in zip(images, labels, strict=True)]
        )
        classes = torch.cat([y[y >= 0] for y in labels])
        step = -(-len(pixels) // PIXELS)
        classes = classes[::step].long()
        one_hot = pixels.new_zeros(len(classes), len(self.gaussians.mean)).double()
        one_hot.scatter_(1, classes[:, None], 1)
        self.gaussians.m_step(pixels[::step].double(), one_hot)
        self.fitted.fill_(True)

    def around(self, x: Tensor, valid: Tensor, stride: int) -> 'PixelEvidence':
        """Look at the pixels between cells.

        Args:
            x: Bands of shape ``(B, C, H, W)``, on the logarithmic scale.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.
            stride: Mask stride s.

        Returns:
            What they say.
        """
        return PixelEvidence(self.gaussians, x, valid, stride)


class PixelEvidence:
    """How likely the pixels between cells are in classes.

    Each counts with those of its eight neighbours that are valid, so that noise draws
    no ragged borders, and none is more sure than a million to one, so that one beyond a
    border does not outweigh many on this side. A place is the square between the
    middles of four cells, or of fewer at the border of the image.
    """

    def __init__(
        self, gaussians: MomentGaussians, x: Tensor, valid: Tensor, stride: int
    ) -> None:
        """Initialize a new PixelEvidence instance.

        Args:
            gaussians: Colours of pixels of each class.
            x: Bands of shape ``(B, C, H, W)``, finite.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.
            stride: Mask stride s.
        """
        self.stride = stride
        constant, linear, square = gaussians.polynomial()
        self.weights = torch.cat([-constant[:, None], linear, -square], 1)
        # Half a cell around the image, and a pixel for the neighbours.
        before = stride // 2 + 1
        batch, channels, *size = x.shape
        self.places = [-(-n // stride) + 1 for n in size]
        height, width = (n * stride + 2 for n in self.places)
        padded = x.new_zeros(batch, height, width, channels + 1)
        inside = padded[:, before : before + size[0], before : before + size[1]]
        inside[..., :1] = valid.movedim(1, -1)
        inside[..., 1:] = x.movedim(1, -1)
        self.width, self.area = width, height * width
        # Pixels of a row follow each other: each place has a few pieces of rows.
        count = batch * self.area - stride - 1
        self.channels = channels + 1
        length = (stride + 2) * self.channels
        self.pieces = padded.as_strided((count, length), (self.channels, 1))
        self.rows = torch.arange(stride + 2, device=x.device) * self.width

    def __call__(self, places: Tensor, classes: Tensor) -> Tensor:
        """Compute the log-likelihood of pixels.

        Args:
            places: Numbers of places, row by row and image by image, of shape ``(n,)``.
            classes: Classes that are possible there, of shape ``(n, c)``.

        Returns:
            Log-likelihood, but for a constant, of shape ``(n, c, s * s)``.
        """
        down, across = self.places
        image, rest = places // (down * across), places % (down * across)
        first = rest // across * self.width + rest % across
        first = first * self.stride + image * self.area
        size = self.stride + 2
        index = (first[:, None] + self.rows).flatten()
        near = self.pieces.index_select(0, index)
        # Numbers of one band side by side, (1 + C, n, s + 2, s + 2).
        near = near.view(-1, self.channels).T.contiguous()
        near = near.view(self.channels, len(places), size, size)
        valid, x = near[:1], near[1:]
        products = [x[i : i + 1] * x[i:] for i in range(len(x))]
        values = torch.cat([torch.ones_like(valid), x, *products]).flatten(2)
        with torch.autocast(x.device.type, enabled=False):
            found = self.weights[classes] @ values.movedim(1, 0)
        found = (found - found.amax(1, keepdim=True)).clamp_(min=_LEAST)
        inside = valid.view(len(places), 1, size, size)
        sums = [found.view(*classes.shape, size, size) * inside, inside]
        for i, values in enumerate(sums):
            for dim in (2, 3):
                first, second, third = (
                    values.narrow(dim, i, self.stride) for i in range(3)
                )
                values = (first + second).add_(third)
            sums[i] = values.flatten(2)
        return sums[0] / sums[1].clamp(min=1)
