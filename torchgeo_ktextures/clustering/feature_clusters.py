# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The classes that masks learn."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from .color_prior import ColorPrior
from .feature_space import FeatureSpace


class FeatureClusters(nn.Module):
    """Most likely class of each cell of the mask grid, by colour and by features.

    The prototypes of the classes are those of the mixture. Without one, they follow the
    features of the generated textures.
    """

    def __init__(
        self,
        groups: Mapping[str, tuple[int, int]],
        weights: Mapping[str, float],
        num_classes: int,
        in_channels: int,
        mask_stride: int,
    ) -> None:
        """Initialize a new FeatureClusters instance.

        Args:
            groups: Number of channels of each feature group, and width in pixels over
                which they are averaged.
            weights: Weight of each feature group.
            num_classes: Number of classes, k.
            in_channels: Number of bands, C.
            mask_stride: Stride of the mask grid in pixels.
        """
        super().__init__()
        self.space = FeatureSpace(groups, weights)
        features = self.space.projection.shape[1]
        self.prior = ColorPrior(num_classes, in_channels, mask_stride, features)

    @torch.no_grad()
    def forward(
        self, features: Mapping[str, Tensor], x: Tensor, valid: Tensor
    ) -> Tensor:
        """Find the most likely class of each cell.

        Args:
            features: Standardized features of shape ``(B, F, h, w)`` by group.
            x: Normalized bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.

        Returns:
            Labels of shape ``(B, ceil(H / s), ceil(W / s))``.
        """
        pooled = self.space.pool(features, (x.shape[-2], x.shape[-1]))
        return self.classify(pooled, x, valid)

    @torch.no_grad()
    def classify(self, pooled: Tensor, x: Tensor, valid: Tensor) -> Tensor:
        """Find the most likely class of each cell, from pooled features.

        Args:
            pooled: Vectors of shape ``(B, sum F, ceil(H / 4), ceil(W / 4))``.
            x: Normalized bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.

        Returns:
            Labels of shape ``(B, ceil(H / s), ceil(W / s))``, by the mean probabilities
            over the places of each cell of the mask grid.
        """
        return self.prior.predict_proba(x, valid, self.space(pooled)).argmax(1)

    @torch.no_grad()
    def log_likelihood(
        self, features: Mapping[str, Tensor], x: Tensor, valid: Tensor
    ) -> Tensor:
        """Compute how likely each cell is, whatever class it is of.

        Args:
            features: Standardized features of shape ``(B, F, h, w)`` by group.
            x: Normalized bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.

        Returns:
            Weighted log-likelihood, but for a constant, of shape
            ``(B, ceil(H / s), ceil(W / s))``.
        """
        pooled = self.space.pool(features, (x.shape[-2], x.shape[-1]))
        return self.prior.log_likelihood(x, valid, self.space(pooled))[:, 0]

    @torch.no_grad()
    def follow(
        self, features: Mapping[str, Tensor], size: tuple[int, int], rate: float = 0.1
    ) -> None:
        """Move the prototypes towards the features of the textures.

        Args:
            features: Standardized features of the k textures, of shape
                ``(k, F, h, w)`` by group.
            size: Height and width of the textures in pixels.
            rate: Share of the way.
        """
        means = self.space(self.space.pool(features, size)).mean((1, 2))
        self.prior.mixture.prototypes.lerp_(means, rate)
