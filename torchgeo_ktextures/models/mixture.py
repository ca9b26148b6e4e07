# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Fitting classes to local moments and to features at once."""

import math

import torch
import torch.nn.functional as F
from sklearn.cluster import KMeans
from torch import Tensor

from .local_moments import MomentGaussians

#: Number of independent measurements that the features of a cell are worth.
_EVIDENCE = 64


def feature_energy(distances: Tensor, spread: Tensor, trust: Tensor) -> Tensor:
    """How unlikely features are in each class.

    Args:
        distances: Squared distances to the prototypes.
        spread: Mean squared distance to the nearest prototype.
        trust: Trust in colour, 0 to 1; features count for what it leaves.

    Returns:
        Negative log-likelihood, but for a constant, of the shape of *distances*.
    """
    return (1 - trust).square() * _EVIDENCE / 2 * distances / spread


def fit_mixture(
    gaussians: MomentGaussians,
    moments: Tensor,
    vectors: Tensor,
    trust: Tensor,
    seed: int,
    n_init: int = 5,
    max_iter: int = 100,
) -> tuple[Tensor, Tensor]:
    """Fit Gaussians of moments and prototypes of features, by expectation maximization.

    Classes have equal weights, so that a rare texture is as good as a frequent one.

    Args:
        gaussians: Gaussians to fit.
        moments: Local moments of shape ``(N, d)``.
        vectors: Reduced features of the same places, of shape ``(N, m)``.
        trust: Trust in colour, a scalar between 0 and 1.
        seed: Seed of the starts.
        n_init: Number of starts from k-means; the likeliest result is kept.
        max_iter: Number of iterations at most.

    Returns:
        Prototypes of shape ``(k, m)`` and their spread, a scalar.
    """
    moments, vectors = moments.cpu().double(), vectors.cpu().double()
    trust = trust.cpu().double()
    k = len(gaussians.mean)
    scaled = moments / moments.std(0).clamp(min=1e-6) / moments.shape[1] ** 0.5
    start = torch.cat([trust.sqrt() * scaled, (1 - trust) * vectors], dim=1).float()
    model = MomentGaussians(k, moments.shape[1]).double()
    best = -math.inf
    for i in range(n_init):
        labels = KMeans(k, n_init=1, random_state=seed + i).fit_predict(start.numpy())
        shares = F.one_hot(torch.from_numpy(labels).long(), k).double()
        last = -math.inf
        for _ in range(max_iter):
            counts = shares.sum(0).clamp(min=1e-6)
            prototypes = (shares.T @ vectors) / counts[:, None]
            distances = torch.cdist(vectors, prototypes).square()
            spread = (shares * distances).sum(1).mean().clamp(min=1e-6)
            model.estimate(moments, shares)
            energy = trust * model(moments) + feature_energy(distances, spread, trust)
            dof = (1 - trust).square() * _EVIDENCE / 2
            objective = float((-energy).logsumexp(1).mean() - dof * spread.log())
            shares = (-energy).softmax(1)
            if objective - last < 1e-4:
                break
            last = objective
        if objective > best:
            best, found = objective, (prototypes, spread)
            gaussians.load_state_dict(model.state_dict())
    return found
