# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Local colour and roughness, and classes as Gaussians of both."""

import torch
from torch import Tensor, nn

from .extractors import box_filter

#: Variance that is taken for none, in units of the variance of the scene.
_FLOOR = 1e-4


def local_moments(x: Tensor, valid: Tensor, size: int = 5) -> Tensor:
    """Mean and logarithm of the standard deviation of each band around each pixel.

    Args:
        x: Normalized bands of shape ``(B, C, H, W)``, finite.
        valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.
        size: Width of the window in pixels (odd).

    Returns:
        Means and log deviations of the valid pixels, of shape ``(B, 2 * C, H, W)``.
    """
    share = box_filter(valid, size).clamp(min=1e-6)
    mean = box_filter(x * valid, size) / share
    variance = box_filter(x.square() * valid, size) / share - mean.square()
    return torch.cat([mean, 0.5 * (variance.clamp(min=0) + _FLOOR).log()], dim=1)


class MomentGaussians(nn.Module):
    """One Gaussian of the local moments per class, with a covariance of its own.

    Classes differ in how much they vary: water and closed forest are tight in colour
    and smooth, towns are neither. The distance to a mean does not see that, the
    likelihood does.
    """

    mean: Tensor
    whitener: Tensor
    log_determinant: Tensor

    def __init__(self, num_classes: int, channels: int) -> None:
        """Initialize a new MomentGaussians instance.

        Args:
            num_classes: Number of classes, k.
            channels: Number of moments, d.
        """
        super().__init__()
        k, d = num_classes, channels
        self.register_buffer('mean', torch.zeros(k, d))
        self.register_buffer('whitener', torch.eye(d).expand(k, d, d).clone())
        self.register_buffer('log_determinant', torch.zeros(k))

    @torch.no_grad()
    def estimate(self, moments: Tensor, shares: Tensor) -> None:
        """Estimate the Gaussians.

        Args:
            moments: Moments of shape ``(N, d)``, double.
            shares: How much each belongs to each class, of shape ``(N, k)``, double.
        """
        counts = shares.sum(0).clamp(min=1e-6)
        mean = (shares.T @ moments) / counts[:, None]
        # A class of equal pixels, as of saturated clouds, must stay finite.
        ridge = (1e-3 * moments.var(0) + 1e-8).diag()
        factors = []
        for center, share, count in zip(mean, shares.T, counts, strict=True):
            centered = moments - center
            covariance = (centered * share[:, None]).T @ centered / count
            factors.append(torch.linalg.cholesky(covariance + ridge))
        factor = torch.stack(factors)
        identity = torch.eye(len(ridge), dtype=factor.dtype).expand_as(factor)
        whitener = torch.linalg.solve_triangular(factor, identity, upper=False)
        self.mean.copy_(mean)
        self.whitener.copy_(whitener)
        self.log_determinant.copy_(factor.diagonal(dim1=1, dim2=2).log().sum(1))

    def forward(self, moments: Tensor) -> Tensor:
        """Measure how unlikely moments are in each class.

        Args:
            moments: Moments of shape ``(N, d)``.

        Returns:
            Negative log-likelihood, but for a constant, of shape ``(N, k)``.
        """
        shift = torch.einsum('kij,kj->ki', self.whitener, self.mean)
        energies = []
        for whitener, offset in zip(self.whitener, shift, strict=True):
            energies.append((moments @ whitener.T - offset).square().sum(1) / 2)
        return torch.stack(energies, dim=1) + self.log_determinant
