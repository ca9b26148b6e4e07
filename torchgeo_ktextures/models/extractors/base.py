# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What a feature extractor is."""

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

    #: Whether features are only of real images, and computed once: they tell classes,
    #: and take no part in the comparison with simulated images.
    frozen = False

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Extract features.

        Args:
            x: Normalized bands of shape ``(B, C, H, W)``.

        Returns:
            Features of shape ``(B, F, h, w)`` by group.
        """
        raise NotImplementedError
