# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Classes as a mixture: Gaussians of local moments joined with feature prototypes."""

import copy

import torch
from torch import Tensor, nn

from .gaussians import MomentGaussians, Products
from .settings import EVIDENCE


class ClassMixture(nn.Module):
    """How likely local moments and features are in each class.

    The log-likelihood of the moments counts by ``color_weight``, w, from 0 to 1, and
    that of the features, by their squared distance to a prototype, by (1 - w)^2: where
    colour tells classes, features add little but noise.
    """

    color_weight: Tensor
    log_weights: Tensor
    prototypes: Tensor
    spread: Tensor

    def __init__(self, num_classes: int, moments: int, features: int = 0) -> None:
        """Initialize a new ClassMixture instance.

        Args:
            num_classes: Number of classes, k.
            moments: Number of local moments, d.
            features: Number of reduced features, m.
        """
        super().__init__()
        self.gaussians = MomentGaussians(num_classes, moments)
        self.register_buffer('color_weight', torch.tensor(0.0))
        self.register_buffer('log_weights', torch.zeros(num_classes))
        self.register_buffer('prototypes', torch.zeros(num_classes, features))
        self.register_buffer('spread', torch.tensor(1.0))

    @torch.no_grad()
    def m_step(
        self, vectors: Tensor, moments: Tensor | Products, responsibilities: Tensor
    ) -> None:
        """Estimate the classes from what belongs to them.

        Args:
            vectors: Reduced features of shape ``(N, m)``, double.
            moments: Local moments of the same places, of shape ``(N, d)``, double, or
                their products.
            responsibilities: Probability of each class at each place, of shape
                ``(N, k)``, double.
        """
        self._m_step_moments(moments, responsibilities)
        counts = responsibilities.sum(0).clamp(min=1e-6)
        prototypes = (responsibilities.T @ vectors) / counts[:, None]
        # Mean squared distance to the prototypes, which are means.
        within = (counts / len(vectors)) @ prototypes.square().sum(1)
        spread = vectors.square().sum(1).mean() - within
        self.prototypes.copy_(prototypes)
        self.spread.copy_(spread.clamp(min=1e-6))

    def _m_step_moments(
        self, moments: Tensor | Products, responsibilities: Tensor
    ) -> None:
        counts = responsibilities.sum(0).clamp(min=1e-6)
        self.log_weights.copy_((counts / counts.sum()).log())
        self.gaussians.m_step(moments, responsibilities)

    @torch.no_grad()
    def e_step(
        self, vectors: Tensor, moments: Tensor | Products
    ) -> tuple[Tensor, float]:
        """Compute what belongs to which class.

        Args:
            vectors: Reduced features of shape ``(N, m)``.
            moments: Local moments of the same places, of shape ``(N, d)``, or their
                products.

        Returns:
            Responsibilities of shape ``(N, k)``, and the mean of the weighted
            log-likelihood, but for a constant.
        """
        # Along columns, softmax is several times as fast.
        logits = -self(vectors, moments).T
        return logits.softmax(0).T, float(logits.logsumexp(0).mean())

    @torch.no_grad()
    def fit(
        self,
        vectors: Tensor,
        moments: Tensor,
        responsibilities: Tensor,
        iterations: int,
    ) -> tuple[Tensor, float]:
        """Fit by expectation maximization.

        Where colour tells all, nothing is learnt of features.

        Args:
            vectors: Reduced features of shape ``(N, m)``, double.
            moments: Local moments of the same places, of shape ``(N, d)``, double.
            responsibilities: What to begin with, of shape ``(N, k)``, double.
            iterations: Number of iterations, at least 1.

        Returns:
            Responsibilities and log-likelihood, see :meth:`e_step`.
        """
        model = copy.deepcopy(self).double()
        likelihood = 0.0
        products = Products(moments)
        for _ in range(iterations):
            if self.color_weight == 1:
                model._m_step_moments(products, responsibilities)
            else:
                model.m_step(vectors, products, responsibilities)
            responsibilities, likelihood = model.e_step(vectors, products)
        self.load_state_dict(model.state_dict())
        return responsibilities, likelihood

    def forward(self, vectors: Tensor, moments: Tensor | Products) -> Tensor:
        """Measure how unlikely features and moments are in each class.

        Args:
            vectors: Reduced features of shape ``(N, m)``.
            moments: Moments of the same places, of shape ``(N, d)``, or their products.

        Returns:
            Negative log-likelihood, but for a constant, of shape ``(N, k)``.
        """
        energy = self.moment_energy(moments)
        if self.color_weight < 1:
            energy = energy + self.feature_energy(vectors)
        return energy

    def moment_energy(self, moments: Tensor | Products) -> Tensor:
        """Measure how unlikely moments are in each class, and how rare it is.

        Args:
            moments: Moments of shape ``(N, d)``, or their products.

        Returns:
            Negative log-likelihood, but for a constant, of shape ``(N, k)``.
        """
        if isinstance(moments, Products):
            found = self.gaussians.energy(moments)
        else:
            found = self.gaussians(moments)
        energy: Tensor = self.color_weight * found - self.log_weights
        return energy

    def feature_energy(self, vectors: Tensor) -> Tensor:
        """Measure how unlikely features are in each class.

        Args:
            vectors: Reduced features of shape ``(N, m)``.

        Returns:
            Negative log-likelihood, but for a constant, of shape ``(N, k)``.
        """
        precision = (1 - self.color_weight).square() * EVIDENCE / self.spread
        return precision / 2 * torch.cdist(vectors, self.prototypes).square()
