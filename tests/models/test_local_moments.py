# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import math

import numpy as np
import torch
from scipy.stats import multivariate_normal

from torchgeo_ktextures.models import MomentGaussians, local_moments
from torchgeo_ktextures.models.mixture import fit_mixture


def test_local_moments() -> None:
    x = torch.randn(2, 3, 20, 30)
    valid = torch.ones(2, 1, 20, 30)
    valid[..., 10:] = 0
    moments = local_moments(torch.where(valid > 0, x, 99), valid)
    assert moments.shape == (2, 6, 20, 30)
    window = x[0, :, 4:9, 5:10]
    expected = window.flatten(1).mean(1)
    assert torch.allclose(moments[0, :3, 6, 7], expected, atol=1e-5)
    deviation = window.flatten(1).std(1, correction=0)
    assert torch.allclose(moments[0, 3:, 6, 7], deviation.log(), atol=1e-3)
    # Beside invalid pixels, only valid ones count.
    part = x[0, :, 4:9, 7:10].flatten(1).mean(1)
    assert torch.allclose(moments[0, :3, 6, 9], part, atol=1e-4)
    flat = local_moments(torch.zeros(1, 3, 8, 8), torch.ones(1, 1, 8, 8))
    assert torch.allclose(flat[:, 3:], torch.tensor(0.5 * math.log(1e-4)))


def test_gaussians_are_likelihoods() -> None:
    generator = torch.Generator().manual_seed(0)
    mix = torch.randn(4, 4, generator=generator, dtype=torch.double)
    moments = torch.randn(5000, 4, generator=generator, dtype=torch.double) @ mix + 1
    gaussians = MomentGaussians(1, 4).double()
    gaussians.estimate(moments, torch.ones(5000, 1, dtype=torch.double))
    covariance = np.cov(moments.numpy().T, bias=True)
    covariance += np.diag(1e-3 * moments.var(0).numpy())
    normal = multivariate_normal(moments.mean(0).numpy(), covariance)
    expected = -torch.from_numpy(normal.logpdf(moments.numpy()))
    energy = gaussians(moments)[:, 0] + 2 * math.log(2 * math.pi)
    assert torch.allclose(energy, expected, atol=1e-6)


def test_classes_of_equal_mean() -> None:
    # k-means cannot tell a tight class from a wide one around it.
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(2000) % 2
    moments = torch.randn(2000, 6, generator=generator)
    moments *= torch.where(labels == 0, 0.1, 1.0)[:, None]
    gaussians = MomentGaussians(2, 6)
    trust, noise = torch.tensor(1.0), torch.randn(2000, 3, generator=generator)
    prototypes, spread = fit_mixture(gaussians, moments, noise, trust, seed=0)
    assert prototypes.shape == (2, 3)
    assert spread > 0
    found = gaussians(moments).argmin(1)
    accuracy = (found == labels).float().mean()
    assert max(accuracy, 1 - accuracy) > 0.97
    again = MomentGaussians(2, 6)
    fit_mixture(again, moments, noise, trust, seed=0)
    assert torch.equal(again.mean, gaussians.mean)


def test_features_decide_where_colour_is_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(2000) % 2
    features = torch.randn(2000, 3, generator=generator) * 0.2 + labels[:, None]
    moments = torch.randn(2000, 6, generator=generator)
    gaussians = MomentGaussians(2, 6)
    trust = torch.tensor(0.0)
    prototypes, _ = fit_mixture(gaussians, moments, features, trust, seed=0)
    found = torch.cdist(features.double(), prototypes).argmin(1)
    accuracy = (found == labels).float().mean()
    assert max(accuracy, 1 - accuracy) > 0.97
