# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Local texture energy."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .base import FeatureExtractor

#: Number of scales, of which scale i has pixels 2**i wide.
_OCTAVES = 3


class TextureEnergy(FeatureExtractor):
    """Group ``texture``: energies of oriented filters in cells of 4 pixels.

    Per band and octave, the responses to second derivatives along four directions
    are rectified and averaged. Averaged energies describe a texture without its phase.
    Differences of neighbouring bands are filtered as well: they tell how bands vary
    together. Bands beyond the fourth are not seen.

    If you use this extractor in your research, please cite the following paper:

    * https://doi.org/10.1364/JOSAA.7.000923 (Malik and Perona, 1990)
    """

    window = 12

    kernels: Tensor

    def __init__(self, in_channels: int) -> None:
        """Initialize a new TextureEnergy instance.

        Args:
            in_channels: Number of bands.
        """
        super().__init__()
        #: Number of bands that are seen: energies of hundreds tell little more.
        self.bands = min(in_channels, 4)
        filtered = 2 * self.bands - 1
        self.channels = {'texture': filtered * _OCTAVES * 4}
        # Second differences along 0, 45, 90 and 135 degrees, smoothed across.
        kernels = torch.zeros(4, 3, 3)
        difference = torch.tensor([-1.0, 2.0, -1.0])
        smooth = torch.tensor([0.25, 0.5, 0.25])
        kernels[0] = smooth[:, None] * difference
        kernels[1] = difference[:, None] * smooth
        kernels[2].diagonal().copy_(difference)
        kernels[3] = kernels[2].flip(1)
        kernels /= kernels.square().sum((1, 2), keepdim=True).sqrt()
        self.register_buffer(
            'kernels',
            kernels[:, None].repeat(filtered, 1, 1, 1),
            persistent=False,
        )

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Extract energies, in cells of 4 pixels."""
        x = x[:, : self.bands]
        x = torch.cat([x, x[:, 1:] - x[:, :-1]], dim=1)
        size = (-(-x.shape[-2] // 4), -(-x.shape[-1] // 4))
        energies = []
        for octave in range(_OCTAVES):
            if octave:
                x = F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)
            padded = F.pad(x, (1, 1, 1, 1), mode='replicate')
            response = F.conv2d(padded, self.kernels, groups=x.shape[1])
            # A root that is smooth at zero keeps gradients alive in flat areas.
            energy = (response.square() + 1e-4).sqrt()
            energies.append(F.adaptive_avg_pool2d(energy, size))
        return {'texture': torch.cat(energies, dim=1)}
