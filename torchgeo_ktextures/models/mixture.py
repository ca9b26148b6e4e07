# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Classes as a mixture: Gaussians of local moments joined with feature prototypes."""

import copy

import torch
from torch import Tensor, nn

from .color_prior import ColorPrior

#: Number of independent measurements that the features of a cell are worth.
_EVIDENCE = 64


class ClassMixture(nn.Module):
    """How likely local moments and features are in each class.

    Colour is trusted as much as it persists in space, features for what that leaves.
    """

    prototypes: Tensor
    spread: Tensor

    def __init__(
        self, num_classes: int, in_channels: int, features: int, mask_stride: int
    ) -> None:
        """Initialize a new ClassMixture instance.

        Args:
            num_classes: Number of classes, k.
            in_channels: Number of bands, C.
            features: Number of reduced features, m.
            mask_stride: Stride of the mask grid in pixels.
        """
        super().__init__()
        self.color = ColorPrior(num_classes, in_channels, mask_stride)
        self.register_buffer('prototypes', torch.zeros(num_classes, features))
        self.register_buffer('spread', torch.tensor(1.0))

    @torch.no_grad()
    def forget(self) -> None:
        """Return to what is known before any fit: nothing."""
        fresh = type(self)(
            len(self.prototypes),
            self.color.moments.dark.numel(),
            self.prototypes.shape[1],
            self.color.mask_stride,
        )
        fresh.color.moments.load_state_dict(self.color.moments.state_dict())
        self.load_state_dict(fresh.state_dict())

    @torch.no_grad()
    def fit(
        self, vectors: Tensor, moments: Tensor, shares: Tensor, iterations: int
    ) -> Tensor:
        """Fit by expectation maximization.

        Args:
            vectors: Reduced features of shape ``(N, m)``, double.
            moments: Local moments of the same places, of shape ``(N, d)``, double.
            shares: How much each place belongs to each class, to begin with, of shape
                ``(N, k)``, double.
            iterations: Number of iterations.

        Returns:
            How much each place belongs to each class, likewise.
        """
        model = copy.deepcopy(self).double()
        for _ in range(iterations):
            counts = shares.sum(0).clamp(min=1e-6)
            model.color.log_shares.copy_((counts / counts.sum()).log())
            model.prototypes.copy_((shares.T @ vectors) / counts[:, None])
            distances = torch.cdist(vectors, model.prototypes).square()
            model.spread.copy_((shares * distances).sum(1).mean().clamp(min=1e-6))
            model.color.gaussians.estimate(moments, shares)
            energy = model.color.energy(moments) + model.evidence() * distances
            shares = (-energy).softmax(1)
        self.load_state_dict(model.state_dict())
        return shares

    @torch.no_grad()
    def chances(self, vectors: Tensor, moments: Tensor | None) -> Tensor:
        """Compute the probability of each class in each cell.

        Args:
            vectors: Reduced features of the cells, of shape ``(B, h, w, m)``.
            moments: Local moments of some places of each cell, of shape
                ``(B, d, n * h, n * w)``, if there are any.

        Returns:
            Probabilities of shape ``(B, k, h, w)``, means over the places of a cell.
        """
        flat = self.features(vectors.flatten(0, 2))
        energy = flat.view(*vectors.shape[:3], -1).movedim(-1, 1)
        if moments is None:
            return (-energy).softmax(1)
        return self.color.chances(moments, energy)

    def forward(self, vectors: Tensor, moments: Tensor) -> Tensor:
        """Measure how unlikely features and moments are in each class.

        Args:
            vectors: Reduced features of shape ``(N, m)``.
            moments: Local moments of the same places, of shape ``(N, d)``.

        Returns:
            Negative log-likelihood, but for a constant, of shape ``(N, k)``.
        """
        return self.color.energy(moments) + self.features(vectors)

    def features(self, vectors: Tensor) -> Tensor:
        """Measure how unlikely features are in each class.

        Args:
            vectors: Reduced features of shape ``(N, m)``.

        Returns:
            Negative log-likelihood, but for a constant, of shape ``(N, k)``.
        """
        return self.evidence() * torch.cdist(vectors, self.prototypes).square()

    def evidence(self) -> Tensor:
        """What a squared distance of features counts, for what colour leaves."""
        return (1 - self.color.trust).square() * _EVIDENCE / 2 / self.spread
