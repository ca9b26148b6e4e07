# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The mixture on the mask grid: from bands to probabilities of classes."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .cells import middle_of_cells
from .local_moments import PlaceMoments
from .mixture import ClassMixture
from .settings import CELL, LEAST_PROBABILITY, SMOOTHING_ROUNDS
from .smoothing import smooth


class ColorPrior(nn.Module):
    """Probability of each class by local colour and roughness, on the mask grid.

    It says nothing until it was fitted.
    """

    def __init__(
        self, num_classes: int, in_channels: int, mask_stride: int, features: int = 0
    ) -> None:
        """Initialize a new ColorPrior instance.

        Args:
            num_classes: Number of classes, k.
            in_channels: Number of bands, C.
            mask_stride: Stride of the mask grid in pixels.
            features: Number of reduced features that are given besides, m.
        """
        super().__init__()
        self.mask_stride = mask_stride
        #: Distance of the places in pixels, of which each cell has at least one.
        self.step = CELL if mask_stride > CELL else min(mask_stride, CELL // 2)
        #: Number of places in a cell, in a row.
        self.places = mask_stride // self.step
        self.moments = PlaceMoments(in_channels)
        self.mixture = ClassMixture(num_classes, self.moments.channels, features)

    @property
    def is_fitted(self) -> bool:
        """Whether local colour says anything about the classes."""
        return bool(self.mixture.color_weight > 0)

    @property
    def reach(self) -> int:
        """How many pixels away from a cell :meth:`smoothed` looks."""
        return self.moments.reach + SMOOTHING_ROUNDS * self.mask_stride

    def texture_share(self) -> float:
        """How much textures have to tell, as colour tells some of the classes.

        Returns:
            From one, where colour does not persist in space, to zero.
        """
        return 1 - float(self.mixture.color_weight)

    def pad(self, x: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Pad to whole cells.

        Args:
            x: Normalized bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.

        Returns:
            Both, of a height and width that the stride divides.
        """
        pad = (0, -x.shape[-1] % self.mask_stride, 0, -x.shape[-2] % self.mask_stride)
        if not any(pad):
            return x, valid
        return F.pad(x, pad, mode='replicate'), F.pad(valid, pad, mode='replicate')

    def predict_proba(
        self, x: Tensor, valid: Tensor, vectors: Tensor | None = None
    ) -> Tensor:
        """Compute the probability of each class in each cell.

        Args:
            x: Normalized bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.
            vectors: Reduced features of cells of 4 x 4 pixels, of shape
                ``(B, ceil(H / 4), ceil(W / 4), m)``, if there are any.

        Returns:
            Probabilities of shape ``(B, k, ceil(H / s), ceil(W / s))``, means over the
            places of a cell.
        """
        # Of probabilities: a place that fits no class must not outweigh its cell.
        return self._pool((-self._energy(x, valid, vectors)).softmax(1))

    @torch.no_grad()
    def log_likelihood(
        self, x: Tensor, valid: Tensor, vectors: Tensor | None = None
    ) -> Tensor:
        """Compute how likely each cell is, whatever class it is of.

        Args:
            x: Normalized bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.
            vectors: See :meth:`predict_proba`.

        Returns:
            Weighted log-likelihood, but for a constant, of shape
            ``(B, 1, ceil(H / s), ceil(W / s))``, means over the valid places of a cell,
            0 where there are none.
        """
        likelihood = (-self._energy(x, valid, vectors)).logsumexp(1, keepdim=True)
        # Beyond the borders nothing is likely, and no mean would be left of a cell.
        inside = self.pad(x, valid)[1][..., :: self.step, :: self.step]
        return self._pool(likelihood * inside) / self._pool(inside).clamp(min=1e-6)

    @torch.no_grad()
    def smoothed(self, x: Tensor, valid: Tensor, contrast: Tensor) -> Tensor:
        """Compute the classes of cells that heed their neighbours.

        Args:
            x: Normalized bands of shape ``(B, C, H, W)``.
            valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.
            contrast: How much neighbours differ, see :func:`.spatial.mean_contrast`.

        Returns:
            Logits of shape ``(B, k, ceil(H / s), ceil(W / s))``, see
            :func:`.smoothing.smooth`.
        """
        x, valid = self.pad(x, valid)
        shares, guides = [], []
        for part in self.moments.in_parts(x, valid, self.step, self.mask_stride):
            shares.append(self._pool((-self._moment_energy(part)).softmax(1)))
            # A copy, as a view would keep all moments.
            guides.append(middle_of_cells(part[:, : x.shape[1]], self.places).clone())
        inside = F.max_pool2d(valid, self.mask_stride) > 0
        logits = torch.cat(shares, dim=2).clamp_(min=LEAST_PROBABILITY).log_()
        guide = torch.cat(guides, dim=2)
        return smooth(logits, guide, inside, contrast)

    def _energy(self, x: Tensor, valid: Tensor, vectors: Tensor | None) -> Tensor:
        """Negative log-likelihood of each class at each place."""
        x, valid = self.pad(x, valid)
        if vectors is None:
            return self._moment_energy(self.moments(x, valid, self.step))
        energy = self.mixture.feature_energy(vectors.flatten(0, 2))
        energy = energy.view(*vectors.shape[:3], -1).movedim(-1, 1)
        rows, cols = (
            (torch.arange(0, n, self.step, device=x.device) // CELL).clamp(max=m - 1)
            for n, m in zip(x.shape[-2:], energy.shape[-2:], strict=True)
        )
        energy = energy[..., rows[:, None], cols]
        if self.is_fitted:
            energy = energy + self._moment_energy(self.moments(x, valid, self.step))
        return energy

    def _moment_energy(self, moments: Tensor) -> Tensor:
        """The same, of moments of shape ``(B, d, h, w)`` alone."""
        batch, _, height, width = moments.shape
        flat = self.mixture.moment_energy(moments.movedim(1, -1).flatten(0, 2))
        return flat.view(batch, height, width, -1).movedim(-1, 1)

    def _pool(self, values: Tensor) -> Tensor:
        """Mean over the places of a cell."""
        return F.avg_pool2d(values, self.places)

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
        return self.predict_proba(x, valid).clamp(min=LEAST_PROBABILITY).log()
