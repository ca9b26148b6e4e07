# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Texture generators: k textures from noise, independent of each other."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TextureGenerators(nn.Module):
    """k independent generators run as one grouped convolution.

    Noise enters at strides 8, 4, 2 and 1, so that a texture can have structure at each
    of these scales. Generator i sees only its own noise and its own parameters, never
    the image. Padding is circular: textures are stationary up to the border.

    If you use this model in your research, please cite the following paper:

    * https://arxiv.org/abs/2205.08671
    """

    flat: Tensor

    #: Number of times the coarsest noise is doubled in size.
    doublings = 3

    def __init__(self, num_classes: int, channels: int, width: int = 8) -> None:
        """Initialize a new TextureGenerators instance.

        Args:
            num_classes: Number of textures, k.
            channels: Number of bands of each texture, C.
            width: Number of hidden channels of each generator.
        """
        super().__init__()
        self.num_classes = num_classes
        self.channels = channels
        hidden = num_classes * width

        def conv(out: int, size: int = 3) -> nn.Conv2d:
            return nn.Conv2d(
                hidden,
                out,
                size,
                padding=size // 2,
                padding_mode='circular',
                groups=num_classes,
            )

        scales = self.doublings + 1
        self.noise_gain = nn.Parameter(torch.ones(scales, hidden, 1, 1))
        self.convs = nn.ModuleList(conv(hidden) for _ in range(scales))
        self.to_bands = conv(num_classes * channels, size=1)
        self.mean = nn.Parameter(torch.zeros(num_classes, channels))
        #: Whether textures are nothing but their mean colours.
        self.register_buffer('flat', torch.tensor(False))

    @torch.no_grad()
    def set_means(self, means: Tensor) -> None:
        """Set the mean colour of each texture.

        Args:
            means: Normalized band means of shape ``(k, C)``.
        """
        self.mean.copy_(means)

    def forward(
        self,
        batch_size: int,
        size: tuple[int, int],
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Generate textures.

        Args:
            batch_size: Number of independent draws, B.
            size: Height and width in pixels, ``(H, W)``.
            generator: Pseudo-random number generator of the noise, on the CPU
                (defaults to PyTorch's own, on the device of the parameters).

        Returns:
            Textures of shape ``(B, k, C, H, W)`` in normalized units.
        """
        if self.flat:
            return self.mean[..., None, None].expand(batch_size, -1, -1, *size)
        hidden = self.noise_gain.shape[1]
        coarsest = 2**self.doublings
        height, width = (-(-n // coarsest) for n in size)
        x: Tensor | None = None
        for i, (gain, conv) in enumerate(zip(self.noise_gain, self.convs, strict=True)):
            shape = (batch_size, hidden, height * 2**i, width * 2**i)
            device = self.mean.device
            if generator is None:
                noise = torch.randn(shape, device=device)
            else:
                noise = torch.randn(shape, generator=generator).to(device)
            noise = noise.to(gain.dtype) * gain
            # Nearest, not bilinear: it keeps the circular padding seamless.
            x = noise if x is None else F.interpolate(x, scale_factor=2) + noise
            x = F.leaky_relu(conv(x), 0.2)
        assert x is not None
        x = self.to_bands(x)[..., : size[0], : size[1]]
        x = x.unflatten(1, (self.num_classes, self.channels))
        return x + self.mean[..., None, None]
