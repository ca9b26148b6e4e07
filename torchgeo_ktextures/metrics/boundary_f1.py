# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Agreement of the boundaries of two maps."""

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from torchmetrics import Metric


class BoundaryF1(Metric):
    """F1 score of the boundaries between classes, within a tolerance.

    A pixel is on a boundary if its right or lower neighbour has another class.
    Precision is the share of the predicted boundary pixels with a true one within the
    tolerance, recall the share of the true ones with a predicted one. Pixels without a
    target are on no boundary, and neither are their neighbours.

    References:
        * https://doi.org/10.5244/C.27.32 (Csurka et al., 2013)
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    counts: Tensor

    def __init__(self, tolerance: float = 2.0, ignore_index: int | None = 255) -> None:
        """Initialize a new BoundaryF1 instance.

        Args:
            tolerance: Largest distance of boundaries that agree, in pixels.
            ignore_index: Target value to ignore.
        """
        super().__init__()
        self.tolerance = tolerance
        self.ignore_index = ignore_index
        zeros = torch.zeros(4, dtype=torch.long)
        self.add_state('counts', zeros, dist_reduce_fx='sum')

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Add a batch.

        Args:
            preds: Class of each pixel, of shape ``(H, W)`` or ``(B, H, W)``.
            target: True class of each pixel, of the same shape.
        """
        for p, t in zip(
            preds.reshape(-1, *preds.shape[-2:]),
            target.reshape(-1, *target.shape[-2:]),
            strict=True,
        ):
            keep = torch.ones_like(t, dtype=torch.bool)
            if self.ignore_index is not None:
                keep = t != self.ignore_index
            drawn, true = boundaries(p, keep), boundaries(t, keep)
            self.counts += torch.tensor(
                [
                    int((drawn & self._near(true)).sum()),
                    int(drawn.sum()),
                    int((true & self._near(drawn)).sum()),
                    int(true.sum()),
                ],
                device=self.counts.device,
            )

    def _near(self, boundary: Tensor) -> Tensor:
        if not boundary.any():
            return boundary
        distance: np.ndarray = distance_transform_edt(~boundary.cpu().numpy())
        near = torch.from_numpy(distance <= self.tolerance)
        return near.to(boundary.device)

    def compute(self) -> Tensor:
        """Compute the score.

        Returns:
            F1 score, 0 to 1; 0 if boundaries were found in one map only, NaN if in none.
        """
        found, drawn, recalled, true = self.counts.tolist()
        if not drawn and not true:
            return torch.tensor(torch.nan)
        precision, recall = found / max(drawn, 1), recalled / max(true, 1)
        total = precision + recall
        return torch.tensor(2 * precision * recall / total if total else 0.0)


def boundaries(labels: Tensor, keep: Tensor) -> Tensor:
    """Find the pixels whose right or lower neighbour differs.

    Args:
        labels: Classes of shape ``(H, W)``.
        keep: False where pixels are ignored, of the same shape.

    Returns:
        True on boundaries, of the same shape.
    """
    found = torch.zeros_like(keep)
    differ = (labels[:, 1:] != labels[:, :-1]) & keep[:, 1:] & keep[:, :-1]
    found[:, :-1] |= differ
    differ = (labels[1:] != labels[:-1]) & keep[1:] & keep[:-1]
    found[:-1] |= differ
    return found
