# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from torchgeo_ktextures.models import LocalMoments, MomentGaussians


def test_local_moments() -> None:
    x = torch.randn(2, 3, 20, 30)
    valid = torch.ones(2, 1, 20, 30)
    valid[..., 10:] = 0
    local_moments = LocalMoments(3)
    moments = local_moments(torch.where(valid > 0, x, 99), valid, False)
    assert moments.shape == (2, 6, 20, 30)
    window = x[0, :, 4:9, 5:10]
    expected = window.flatten(1).mean(1)
    assert torch.allclose(moments[0, :3, 6, 7], expected, atol=1e-5)
    deviation = window.flatten(1).std(1, correction=0)
    assert torch.allclose(moments[0, 3:, 6, 7], deviation.log(), atol=1e-3)
    # Beside invalid pixels, only valid ones count.
    part = x[0, :, 4:9, 7:10].flatten(1).mean(1)
    assert torch.allclose(moments[0, :3, 6, 9], part, atol=1e-4)
    flat = local_moments(torch.zeros(1, 3, 8, 8), torch.ones(1, 1, 8, 8), False)
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


def test_logarithms_forget_the_light() -> None:
    # The same pattern, of reflectance 0 to 1, in the sun and in the shade.
    pattern = torch.rand(1, 3, 32, 32)
    x = torch.cat([pattern, 0.25 * pattern], dim=-1) * 100
    valid = torch.ones(1, 1, 32, 64)
    moments = LocalMoments(3)
    moments.estimate(x.movedim(1, -1).flatten(0, 2))
    ratios = []
    for logarithmic in (False, True):
        deviation = moments(x, valid, logarithmic)[:, 3:].exp()
        inner = deviation[..., 4:28].mean(), deviation[..., 36:60].mean()
        ratios.append(inner[0] / inner[1])
    assert ratios[0] == pytest.approx(4, rel=0.05)
    assert ratios[1] == pytest.approx(1, rel=0.1)


def test_many_classes_share_more_of_their_covariance() -> None:
    rng = torch.Generator().manual_seed(0)
    moments = torch.randn(400, 4, generator=rng, dtype=torch.double)
    moments[200:] *= 5
    shares = torch.zeros(400, 2, dtype=torch.double)
    shares[:200, 0] = shares[200:, 1] = 1

    def volumes(count: int) -> torch.Tensor:
        """Log volumes of two classes, split into as many as asked for."""
        gaussians = MomentGaussians(2 * count, 4).double()
        parts = torch.arange(400) % count
        split = torch.zeros(400, 2 * count, dtype=torch.double)
        split[torch.arange(400), parts * 2 + shares.argmax(1)] = 1
        gaussians.estimate(moments, split)
        return gaussians.log_determinant.view(count, 2).mean(0)

    few, many = (volumes(count).diff().item() for count in (1, 5))
    assert 0 < many < few < 4 * math.log(5)
