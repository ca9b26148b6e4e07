# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import Tensor

from torchgeo_ktextures.clustering import LocalMoments, MomentGaussians, PlaceMoments


def windows(x: Tensor, row: int, col: int, size: int, reach: int) -> list[Tensor]:
    """Pixels of the nine windows around a place, each of shape (C, n)."""
    half = size // 2
    return [
        x[:, r - half : r + half + 1, c - half : c + half + 1].flatten(1)
        for r in (row - reach, row, row + reach)
        for c in (col - reach, col, col + reach)
    ]


@pytest.mark.parametrize(('size', 'reach'), [(3, 2), (5, 2), (9, 4)])
@pytest.mark.parametrize('step', [1, 2, 4, 8])
def test_smooth_windows_count(size: int, reach: int, step: int) -> None:
    x = torch.randn(2, 3, 48, 64).double()
    valid = torch.ones(2, 1, 48, 64).double()
    found = LocalMoments(3)(x, valid, size, step, x[:, :1])
    assert found.shape == (2, 7, 48 // step, 64 // step)
    row, col = 16, 24
    means, variances, weights = [], [], []
    for pixels in windows(x[1], row, col, size, reach):
        variance = pixels.var(1, correction=0)
        weights.append((variance.sum() + 1e-3) ** -4)
        means.append(pixels.mean(1))
        variances.append(variance)
    weight = torch.stack(weights)[:, None] / sum(weights)
    here = found[1, :, row // step, col // step]
    mean = (weight * torch.stack(means)).sum(0)
    assert torch.allclose(here[:3], mean)
    assert torch.allclose(here[6:], mean[:1])
    deviation = (weight * torch.stack(variances)).sum(0) + 1e-4
    assert torch.allclose(here[3:6], deviation.log() / 2)


def test_edges_are_no_class_of_their_own() -> None:
    # Two regions of the same noise: at their edge, moments are those of the regions.
    x = 0.1 * torch.randn(1, 3, 40, 40)
    x[..., 20:] += 3
    valid = torch.ones(1, 1, 40, 40)
    moments = LocalMoments(3)(x, valid, 5)
    inner = moments[0, :, 8:32, 8:32]
    left, right = inner[:3, :, :12], inner[:3, :, 12:]
    assert left.abs().max() < 0.3
    assert (right - 3).abs().max() < 0.3
    assert inner[3:].exp().max() < 0.3


def test_invalid_pixels_do_not_count() -> None:
    x = torch.randn(1, 3, 40, 40)
    valid = (torch.rand(1, 1, 40, 40) < 0.8).float()
    valid[..., 25:] = 0
    moments = LocalMoments(3)
    found = [moments(torch.where(valid > 0, x, v), valid, 5, 2) for v in (0, 99)]
    assert torch.allclose(found[0], found[1])
    assert found[0].isfinite().all()
    flat = moments(torch.zeros(1, 3, 8, 8), torch.ones(1, 1, 8, 8), 9)
    assert torch.allclose(flat[:, 3:], torch.tensor(0.5 * math.log(1e-4)))


def test_moments_put_together() -> None:
    places = PlaceMoments(4)
    x, valid = torch.randn(1, 4, 32, 32), torch.ones(1, 1, 32, 32)
    places.local.estimate(x.movedim(1, -1).flatten(0, 2))
    found = places(x, valid, 2)
    assert found.shape == (1, places.channels, 16, 16)
    small, large = places.each(x, valid, 2)[1], places.each(x, valid, 2)[5]
    assert torch.allclose(found[:, :4], small[:, :4])
    assert torch.allclose(found[:, -8:], large)


def test_gaussians_are_likelihoods() -> None:
    generator = torch.Generator().manual_seed(0)
    mix = torch.randn(4, 4, generator=generator, dtype=torch.double)
    moments = torch.randn(5000, 4, generator=generator, dtype=torch.double) @ mix + 1
    gaussians = MomentGaussians(1, 4).double()
    gaussians.m_step(moments, torch.ones(5000, 1, dtype=torch.double))
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
        scaled = moments.logarithm(x) if logarithmic else x
        deviation = moments(scaled, valid, 5)[:, 3:].exp()
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
        gaussians.m_step(moments, split)
        return gaussians.log_determinant.view(count, 2).mean(0)

    few, many = (volumes(count).diff().item() for count in (1, 5))
    assert 0 < many < few < 4 * math.log(5)


@pytest.mark.parametrize('step', [1, 2, 4, 8])
def test_parts_are_those_of_the_whole(
    step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = PlaceMoments(3)
    x, valid = torch.randn(1, 3, 75, 40), torch.ones(1, 1, 75, 40)
    valid[..., 20:50, 7:] = 0
    whole = moments(x, valid, step)
    monkeypatch.setattr('torchgeo_ktextures.clustering.local_moments._PART', 40 * 9)
    assert torch.allclose(moments(x, valid, step), whole, atol=1e-5)
