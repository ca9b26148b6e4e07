# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Local colour and roughness, and classes as Gaussians of both."""

import torch
from torch import Tensor, nn

from .extractors import box_filter

#: Variance that is taken for none, in units of the variance of the scene.
_FLOOR = 1e-4

#: How much each other class adds to what is known of the covariance of a class, as a
#: share of all places. Many classes are parts of what is there, and differ less in how
#: much they vary than the few places of each make believe.
_COMMON = 0.01

#: Smallest value of which the logarithm is taken, in deviations of the scene.
_DARK = 0.1


class LocalMoments(nn.Module):
    """Mean and logarithm of the standard deviation of each band around each pixel.

    On the linear scale, or on the logarithmic one, on which a class in the shade is as
    far from another as in the sun.
    """

    dark: Tensor

    def __init__(self, in_channels: int, size: int = 5) -> None:
        """Initialize a new LocalMoments instance.

        Args:
            in_channels: Number of bands, C.
            size: Width of the window in pixels (odd).
        """
        super().__init__()
        self.size = size
        self.register_buffer('dark', torch.zeros(in_channels))

    @torch.no_grad()
    def estimate(self, pixels: Tensor, max_samples: int = 100_000) -> None:
        """Estimate how dark dark pixels are.

        Args:
            pixels: Normalized valid pixels of shape ``(N, C)``.
            max_samples: Number of pixels used at most.
        """
        some = pixels[:: -(-len(pixels) // max_samples)]
        self.dark.copy_(some.quantile(0.01, dim=0))

    def forward(
        self, x: Tensor, valid: Tensor, logarithmic: bool, step: int = 1
    ) -> Tensor:
        """Compute moments.

        Args:
            x: Normalized bands of shape ``(B, C, H, W)``, finite.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.
            logarithmic: Whether on the logarithmic scale.
            step: Distance in pixels of the places, of which the first is a corner.

        Returns:
            Means and log deviations of the valid pixels around each place, of shape
            ``(B, 2 * C, ceil(H / step), ceil(W / step))``.
        """
        if logarithmic:
            x = ((x - self.dark[:, None, None]).clamp(min=0) + _DARK).log()
        share = box_filter(valid, self.size, step).clamp(min=1e-6)
        mean = box_filter(x * valid, self.size, step) / share
        square = box_filter(x.square() * valid, self.size, step) / share
        variance = square - mean.square()
        deviation = 0.5 * (variance.clamp(min=0) + _FLOOR).log()
        return torch.cat([mean, deviation], dim=1)


class MomentGaussians(nn.Module):
    """One Gaussian of the local moments per class, with a covariance of its own.

    Classes differ in how much they vary: water and closed forest are tight in colour
    and smooth, towns are neither. The distance to a mean does not see that, the
    likelihood does. Where there are many classes, covariances are drawn towards what
    they have in common.
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
        weights = shares.T / counts[:, None]
        middle = moments.mean(0)
        centered = moments - middle
        mean = weights @ centered
        products = (centered[:, :, None] * centered[:, None]).flatten(1)
        square = (weights @ products).view(-1, *self.whitener.shape[1:])
        # A class of equal pixels, as of saturated clouds, must stay finite.
        ridge = (1e-3 * moments.var(0) + 1e-8).diag()
        covariance = square - mean[:, :, None] * mean[:, None]
        parts = (counts / counts.sum())[:, None, None]
        extra = _COMMON * (len(counts) - 1)
        common = extra * (parts * covariance).sum(0)
        covariance = (parts * covariance + common) / (parts + extra)
        factor = torch.linalg.cholesky(covariance + ridge)
        identity = torch.eye(len(ridge), dtype=factor.dtype).expand_as(factor)
        whitener = torch.linalg.solve_triangular(factor, identity, upper=False)
        self.mean.copy_(mean + middle)
        self.whitener.copy_(whitener)
        self.log_determinant.copy_(factor.diagonal(dim1=1, dim2=2).log().sum(1))

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
            shift = torch.einsum('kij,kj->ki', self.whitener, self.mean)
            # Sums over rows of places, not over a few numbers for each place.
            for whitener, offset in zip(self.whitener, shift[..., None], strict=True):
                energies.append((whitener @ moments.T - offset).square().sum(0) / 2)
            energy = torch.stack(energies) + self.log_determinant[:, None]
        return energy.T
