# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Classes as Gaussians of local moments."""

import torch
from torch import Tensor, nn

from .settings import COMMON_COVARIANCE


class Products:
    """Moments of a sample, and the products of each two of them.

    Sums over a class, and distances to it, are products of matrices then, which takes
    a quarter of the time in each iteration of expectation maximization.
    """

    def __init__(self, moments: Tensor) -> None:
        """Compute the products.

        Args:
            moments: Moments of shape ``(N, d)``, double: distances are differences of
                large numbers.
        """
        #: Mean of the sample, of shape ``(d,)``.
        self.middle = moments.mean(0)
        #: Moments less their mean, of shape ``(d, N)``.
        self.centered = (moments - self.middle).T.contiguous()
        #: Variances of the moments, of shape ``(d,)``.
        self.variance = moments.var(0)
        count = len(self.centered)
        rows, cols = torch.triu_indices(count, count)
        #: Numbers of the two moments of each product.
        self.pair = rows, cols
        #: Products, of shape ``(d * (d + 1) / 2, N)``.
        self.products = self.centered[rows] * self.centered[cols]


class MomentGaussians(nn.Module):
    """One Gaussian of the local moments per class, with a covariance of its own.

    Classes differ in how much they vary: water and closed forest are tight in colour
    and smooth, towns are neither. The distance to a mean does not see that, the
    likelihood does. Where there are many classes, covariances are drawn towards what
    they have in common.
    """

    mean: Tensor
    precision_cholesky: Tensor
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
        self.register_buffer('precision_cholesky', torch.eye(d).repeat(k, 1, 1))
        self.register_buffer('log_determinant', torch.zeros(k))

    @torch.no_grad()
    def m_step(self, moments: Tensor | Products, responsibilities: Tensor) -> None:
        """Estimate the Gaussians.

        Args:
            moments: Moments of shape ``(N, d)``, double, or their products.
            responsibilities: Probability of each class at each place, of shape
                ``(N, k)``, double, which add up to one.
        """
        if isinstance(moments, Tensor):
            moments = Products(moments)
        counts = responsibilities.sum(0).clamp(min=1e-6)
        weights = responsibilities.T / counts[:, None]
        mean = weights @ moments.centered.T
        sums = weights @ moments.products.T
        square = sums.new_empty(*mean.shape, mean.shape[1])
        rows, cols = moments.pair
        square[:, rows, cols] = sums
        square[:, cols, rows] = sums
        # A class of equal pixels, as of saturated clouds, must stay finite.
        ridge = (1e-3 * moments.variance + 1e-8).diag()
        covariance = square - mean[:, :, None] * mean[:, None]
        parts = (counts / counts.sum())[:, None, None]
        extra = COMMON_COVARIANCE * (len(counts) - 1)
        common = extra * (parts * covariance).sum(0)
        covariance = (parts * covariance + common) / (parts + extra)
        factor = torch.linalg.cholesky(covariance + ridge)
        identity = torch.eye(len(ridge), dtype=factor.dtype).expand_as(factor)
        inverse = torch.linalg.solve_triangular(factor, identity, upper=False)
        self.mean.copy_(mean + moments.middle)
        self.precision_cholesky.copy_(inverse)
        self.log_determinant.copy_(factor.diagonal(dim1=1, dim2=2).log().sum(1))

    @torch.no_grad()
    def energy(self, moments: Products) -> Tensor:
        """Measure how unlikely the moments of a sample are, as :meth:`forward` does.

        Args:
            moments: Products of the moments of N places.

        Returns:
            Negative log-likelihood, but for a constant, of shape ``(N, k)``.
        """
        constant, linear, square = self.polynomial(moments.middle)
        energy: Tensor = square @ moments.products - linear @ moments.centered
        return (energy + constant[:, None]).T

    def polynomial(self, middle: Tensor | float = 0) -> tuple[Tensor, Tensor, Tensor]:
        """Write the negative log-likelihood as a polynomial of the moments.

        Args:
            middle: What is subtracted from the moments, of shape ``(d,)``.

        Returns:
            What is constant, of shape ``(k,)``, what is subtracted for each of the
            moments, ``(k, d)``, and what is added for each product of two of them,
            ``(k, d * (d + 1) / 2)``, those of the upper triangle.
        """
        precision = self.precision_cholesky.mT @ self.precision_cholesky
        mean = self.mean - middle
        count = self.mean.shape[1]
        rows, cols = torch.triu_indices(count, count, device=mean.device)
        # Products of two different moments count twice.
        square = precision[:, rows, cols] * (1 - 0.5 * (rows == cols))
        linear = torch.einsum('kij,kj->ki', precision, mean)
        constant = (linear * mean).sum(1) / 2 + self.log_determinant
        return constant, linear, square

    def forward(self, moments: Tensor) -> Tensor:
        """Measure how unlikely moments are in each class.

        Args:
            moments: Moments of shape ``(N, d)``.

        Returns:
            Negative log-likelihood, but for a constant, of shape ``(N, k)``.
        """
        energies = []
        # Distances are differences of large numbers, which half precision loses.
        with torch.autocast(moments.device.type, enabled=False):
            shift = torch.einsum('kij,kj->ki', self.precision_cholesky, self.mean)
            # Sums over rows of places, not over a few numbers for each place.
            for factor, offset in zip(
                self.precision_cholesky, shift[..., None], strict=True
            ):
                energies.append((factor @ moments.T - offset).square().sum(0) / 2)
            energy = torch.stack(energies) + self.log_determinant[:, None]
        return energy.T
