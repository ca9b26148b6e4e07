# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""A light extractor of the features of four-band imagery."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import FeatureExtractor


class ConvUnit(nn.Module):
    """Convolution, batch normalization and ReLU, around a shortcut where it fits."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        """Initialize a new ConvUnit instance.

        Args:
            inputs: Number of channels that come in.
            outputs: Number of channels that go out.
            stride: Stride.
        """
        super().__init__()
        # Zeros around a patch would be texture of their own.
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.shortcut = inputs == outputs and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        """Transform features.

        Args:
            x: Features of shape ``(B, F, h, w)``.

        Returns:
            Features of shape ``(B, F', ceil(h / stride), ceil(w / stride))``.
        """
        padded = F.pad(x, (1, 1, 1, 1), mode='replicate')
        h: Tensor = F.relu(self.norm(self.conv(padded)))
        return x + h if self.shortcut else h


class PlanetFeatures(FeatureExtractor):
    """Groups ``planet_stride2``, ``planet_stride4`` and ``planet_stride8``.

    A small fully convolutional network for red, green, blue and near infrared of 0.6 to
    30 m. Its outputs are trained to be the main components of the features of a larger
    network, so that distances between them are distances between those.
    """

    #: As for VGG-16: averages describe a texture, single features its grain.
    window = 12

    #: Number of channels that each stride has inside and puts out.
    widths = (32, 64, 128)
    outputs = (24, 64, 96)

    #: Red, green, blue and near infrared.
    in_channels = 4

    def __init__(self) -> None:
        """Initialize a new PlanetFeatures instance, with random weights."""
        super().__init__()
        fine, middle, coarse = self.widths
        self.stages = nn.ModuleList(
            [
                nn.Sequential(
                    ConvUnit(self.in_channels, fine, 2), ConvUnit(fine, fine)
                ),
                nn.Sequential(
                    ConvUnit(fine, middle, 2),
                    *(ConvUnit(middle, middle) for _ in range(2)),
                ),
                nn.Sequential(
                    ConvUnit(middle, coarse, 2),
                    *(ConvUnit(coarse, coarse) for _ in range(4)),
                ),
            ]
        )
        self.heads = nn.ModuleList(
            nn.Conv2d(width, count, 1)
            for width, count in zip(self.widths, self.outputs, strict=True)
        )
        for head in self.heads:
            assert isinstance(head, nn.Conv2d)
            assert head.bias is not None
            # Components are small: together they have a variance of one.
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)
        self.strides = {f'planet_stride{2**i}': 2**i for i in (1, 2, 3)}
        self.channels = dict(zip(self.strides, self.outputs, strict=True))
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Extract features.

        Without near infrared, the mean of the others stands in for it. Bands beyond
        the fourth are not seen.

        Args:
            x: Normalized bands of shape ``(B, C, H, W)``, in the order red, green,
                blue, near infrared.

        Returns:
            Features of shape ``(B, F, ceil(H / s), ceil(W / s))`` by group.

        Raises:
            ValueError: If there are fewer than three bands.
        """
        if x.shape[1] < 3:
            msg = f'{x.shape[1]} bands are too few for {type(self).__name__}: it sees '
            raise ValueError(msg + 'red, green, blue and near infrared')
        if x.shape[1] == 3:
            x = torch.cat([x, x.mean(1, keepdim=True)], 1)
        x = x[:, : self.in_channels].contiguous(memory_format=torch.channels_last)
        features: dict[str, Tensor] = {}
        for name, stage, head in zip(
            self.strides, self.stages, self.heads, strict=True
        ):
            x = stage(x)
            features[name] = head(x)
        return features
