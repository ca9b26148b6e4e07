# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Feature extractors that need no weights: local colour and local texture energy."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FeatureExtractor(nn.Module):
    """Base class of the feature extractors of the similarity loss.

    An extractor maps normalized bands ``(B, C, H, W)`` to a dictionary of named
    feature groups ``(B, F, H / stride, W / stride)``.
    """

    #: Number of channels F of each group.
    channels: dict[str, int]

    #: Width in pixels over which features are averaged to tell classes apart.
    window = 1

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Extract features.

        Args:
            x: Normalized bands of shape ``(B, C, H, W)``.

        Returns:
            Features of shape ``(B, F, h, w)`` by group.
        """
        raise NotImplementedError


class LocalColor(FeatureExtractor):
    """Group ``color``: bands averaged over a small window."""

    def __init__(self, in_channels: int, size: int = 5) -> None:
        """Initialize a new LocalColor instance.

        Args:
            in_channels: Number of bands.
            size: Width of the window in pixels (odd).
        """
        super().__init__()
        self.size = size
        self.channels = {'color': in_channels}

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Extract features.

        Args:
            x: Normalized bands of shape ``(B, C, H, W)``.

        Returns:
            Local means of shape ``(B, C, H, W)``.
        """
        return {'color': box_filter(x, self.size)}


class TextureEnergy(FeatureExtractor):
    """Group ``texture``: energies of oriented filters, averaged locally.

    Per band and octave, the responses to second derivatives along four directions
    are rectified and averaged over a window. Averaged energies describe a texture
    without its phase, so a generated texture can match them exactly. Differences of
    neighbouring bands are filtered as well: they tell how bands vary together.

    If you use this extractor in your research, please cite the following paper:

    * https://doi.org/10.1364/JOSAA.7.000923 (Malik and Perona, 1990)
    """

    kernels: Tensor

    def __init__(self, in_channels: int, octaves: int = 3, size: int = 3) -> None:
        """Initialize a new TextureEnergy instance.

        Args:
            in_channels: Number of bands.
            octaves: Number of scales; scale i has pixels 2**i wide.
            size: Width of the averaging window in cells of 4 pixels (odd).
        """
        super().__init__()
        self.octaves = octaves
        self.size = size
        self.channels = {'texture': (2 * in_channels - 1) * octaves * 4}
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
            kernels[:, None].repeat(2 * in_channels - 1, 1, 1, 1),
            persistent=False,
        )

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Extract features.

        Args:
            x: Normalized bands of shape ``(B, C, H, W)``.

        Returns:
            Energies of shape
            ``(B, (2 * C - 1) * octaves * 4, ceil(H / 4), ceil(W / 4))``.
        """
        x = torch.cat([x, x[:, 1:] - x[:, :-1]], dim=1)
        size = (-(-x.shape[-2] // 4), -(-x.shape[-1] // 4))
        energies = []
        for octave in range(self.octaves):
            if octave:
                x = F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)
            padded = F.pad(x, (1, 1, 1, 1), mode='replicate')
            response = F.conv2d(padded, self.kernels, groups=x.shape[1])
            # A root that is smooth at zero keeps gradients alive in flat areas.
            energy = (response.square() + 1e-4).sqrt()
            energy = F.adaptive_avg_pool2d(energy, size)
            energies.append(box_filter(energy, self.size))
        return {'texture': torch.cat(energies, dim=1)}


def box_filter(x: Tensor, size: int, step: int = 1) -> Tensor:
    """Average over a square window, cut off at the borders.

    Args:
        x: Features of shape ``(B, F, h, w)``.
        size: Width of the window (odd).
        step: Distance of the centers, of which the first is a corner.

    Returns:
        Averages of shape ``(B, F, ceil(h / step), ceil(w / step))``.
    """
    if step > 1:
        return F.avg_pool2d(x, size, step, padding=size // 2, count_include_pad=False)
    # Columns, then rows, add few numbers; windows that overlap would add many twice.
    return _line_filter(_line_filter(x.mT, size).mT, size)


def _line_filter(x: Tensor, size: int) -> Tensor:
    """Average along the last dimension."""
    length, reach = x.shape[-1], size // 2
    padded = F.pad(x, (reach, reach))
    total = padded[..., :length]
    for start in range(1, size):
        total = total + padded[..., start : start + length]
    place = torch.arange(length, device=x.device)
    first, last = (place - reach).clamp(min=0), (place + reach).clamp(max=length - 1)
    return total / (last - first + 1)
