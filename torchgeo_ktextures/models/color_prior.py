# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What local colour alone says about the classes."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .local_moments import LocalMoments, MomentGaussians

#: Probability that no class falls below: masks can always be won over.
_LEAST = 1e-6


class ColorPrior(nn.Module):
    """Probability of each class by local colour and roughness, on the mask grid.

    It says nothing until it was fitted, and as much as colour is trusted then.
    """

    trust: Tensor
    log_shares: Tensor
    logarithmic: Tensor

    def __init__(self, num_classes: int, in_channels: int, mask_stride: int) -> None:
        """Initialize a new ColorPrior instance.

        Args:
            num_classes: Number of classes, k.
            in_channels: Number of bands, C.
            mask_stride: Stride of the mask grid in pixels.
        """
        super().__init__()
        self.mask_stride = mask_stride
        #: Number of places in a cell, in a row; of fine cells, one tells enough.
        self.places = 2 if mask_stride >= 4 else 1
        #: Distance of places in pixels.
        self.step = mask_stride // self.places
        self.moments = LocalMoments(in_channels)
        self.gaussians = MomentGaussians(num_classes, 2 * in_channels)
        self.register_buffer('trust', torch.tensor(0.0))
        self.register_buffer('log_shares', torch.zeros(num_classes))
        self.register_buffer('logarithmic', torch.tensor(False))

    def texture_share(self) -> float:
        """How much of a training textures need, as colour tells some of the classes.

        Returns:
            From one, where colour does not persist in space, to a half.
        """
        return 1 - float(self.trust) / 2

    def measure(self, x: Tensor, valid: Tensor, logarithmic: bool) -> Tensor:
        """Measure local moments at some places of each cell.

        Args:
            x: Normalized bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.
            logarithmic: Whether on the logarithmic scale.

        Returns:
            Moments of shape ``(B, 2 * C, n * ceil(H / s), n * ceil(W / s))``.
        """
        pad = (0, -x.shape[-1] % self.mask_stride, 0, -x.shape[-2] % self.mask_stride)
        if any(pad):
            x, valid = (F.pad(v, pad, mode='replicate') for v in (x, valid))
        moments: Tensor = self.moments(x, valid, logarithmic, self.step)
        return moments

    def energy(self, moments: Tensor) -> Tensor:
        """Measure how unlikely moments are in each class, and how rare it is.

        Args:
            moments: Moments of shape ``(N, d)``.

        Returns:
            Negative log-likelihood, but for a constant, of shape ``(N, k)``.
        """
        energy: Tensor = self.trust * self.gaussians(moments) - self.log_shares
        return energy

    def chances(self, moments: Tensor, others: Tensor | None = None) -> Tensor:
        """Compute the probability of each class in each cell.

        Args:
            moments: Moments from :meth:`measure`.
            others: What else makes a class unlikely, of shape ``(B, k, h, w)``.

        Returns:
            Probabilities of shape ``(B, k, h, w)``, means over the places of a cell.
        """
        batch, _, height, width = moments.shape
        flat = self.energy(moments.movedim(1, -1).flatten(0, 2))
        energy = flat.view(batch, height, width, -1).movedim(-1, 1)
        if others is not None:
            energy = energy + F.interpolate(others, (height, width))
        # Of probabilities: a place that fits no class must not outweigh its cell.
        return F.avg_pool2d((-energy).softmax(1), self.places)

    @torch.no_grad()
    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """Compute what is added to the logits of the masks.

        Args:
            x: Normalized bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.

        Returns:
            Logarithms of the probabilities, of shape
            ``(B, k, ceil(H / s), ceil(W / s))``.
        """
        moments = self.measure(x, valid, bool(self.logarithmic))
        return self.chances(moments).clamp(min=_LEAST).log()
