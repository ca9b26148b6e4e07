# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Classes as a mixture: Gaussians of local moments joined with feature prototypes."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .local_moments import MomentGaussians

#: Number of independent measurements that the features of a cell are worth.
_EVIDENCE = 64


class ClassMixture(nn.Module):
    """How likely local moments and features are in each class.

    Colour is trusted as much as it persists in space, features for what that leaves.
    """

    trust: Tensor
    log_shares: Tensor
    prototypes: Tensor
    spread: Tensor

    def __init__(self, num_classes: int, channels: int, features: int) -> None:
        """Initialize a new ClassMixture instance.

        Args:
            num_classes: Number of classes, k.
            channels: Number of local moments, d.
            features: Number of reduced features, m.
        """
        super().__init__()
        self.gaussians = MomentGaussians(num_classes, channels)
        self.register_buffer('trust', torch.tensor(0.0))
        self.register_buffer('log_shares', torch.zeros(num_classes))
        self.register_buffer('prototypes', torch.zeros(num_classes, features))
        self.register_buffer('spread', torch.tensor(1.0))

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
        k = len(self.prototypes)
        model = ClassMixture(k, moments.shape[1], vectors.shape[1]).double()
        model.trust.copy_(self.trust)
        for _ in range(iterations):
            counts = shares.sum(0).clamp(min=1e-6)
            model.log_shares.copy_((counts / counts.sum()).log())
            model.prototypes.copy_((shares.T @ vectors) / counts[:, None])
            distances = torch.cdist(vectors, model.prototypes).square()
            model.spread.copy_((shares * distances).sum(1).mean().clamp(min=1e-6))
            model.gaussians.estimate(moments, shares)
            shares = (-model(vectors, moments)).softmax(1)
        self.load_state_dict(model.state_dict())
        return shares

    @torch.no_grad()
    def chances(self, vectors: Tensor, moments: Tensor | None) -> Tensor:
        """Compute the probability of each class in each cell.

        Args:
            vectors: Reduced features of the cells, of shape ``(B, h, w, m)``.
            moments: Local moments of several pixels of each cell, of shape
                ``(B, d, n * h, n * w)``, if there are any.

        Returns:
            Probabilities of shape ``(B, k, h, w)``, means over the pixels of a cell.
        """
        shape = vectors.shape[:3]
        energy = self.features(vectors.flatten(0, 2)).view(*shape, -1).movedim(-1, 1)
        if moments is None:
            return (-energy).softmax(1)
        size = (moments.shape[-2], moments.shape[-1])
        pixels = self.gaussians(moments.movedim(1, -1).flatten(0, 2))
        pixels = pixels.view(len(moments), *size, -1).movedim(-1, 1)
        energy = F.interpolate(energy, size) + self.trust * pixels
        # Of probabilities: a pixel that fits no class must not outweigh its cell.
        return F.adaptive_avg_pool2d((-energy).softmax(1), (shape[1], shape[2]))

    def forward(self, vectors: Tensor, moments: Tensor) -> Tensor:
        """Measure how unlikely features and moments are in each class.

        Args:
            vectors: Reduced features of shape ``(N, m)``.
            moments: Local moments of the same places, of shape ``(N, d)``.

        Returns:
            Negative log-likelihood, but for a constant, of shape ``(N, k)``.
        """
        energy: Tensor = self.trust * self.gaussians(moments)
        return energy + self.features(vectors)

    def features(self, vectors: Tensor) -> Tensor:
        """Measure how unlikely features are in each class, and how rare it is.

        Args:
            vectors: Reduced features of shape ``(N, m)``.

        Returns:
            Negative log-likelihood, but for a constant, of shape ``(N, k)``.
        """
        weight = (1 - self.trust).square() * _EVIDENCE / 2 / self.spread
        distances = torch.cdist(vectors, self.prototypes).square()
        return weight * distances - self.log_shares
