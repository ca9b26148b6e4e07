# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Local colour."""

from torch import Tensor

from ...clustering import box_filter
from .base import FeatureExtractor


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
        """Average bands; the averages have their shape."""
        return {'color': box_filter(x, self.size)}
