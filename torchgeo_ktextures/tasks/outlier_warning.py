# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Warning about pixels that lie absurdly far from all others."""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import DataWarning
from ..models import BandNormalizer

#: Share of the pixels above which outliers are worth a warning.
_SHARE = 1e-4


def warn_of_outliers(
    normalizer: BandNormalizer,
    images: Sequence[Tensor],
    valids: Sequence[Tensor],
    scale: float = 1,
) -> None:
    """Warn if more than 0.01 % of the valid pixels are outliers.

    Args:
        normalizer: Statistics of the bands.
        images: Batches of bands of shape ``(B, C, H, W)``.
        valids: Validity of each batch, of shape ``(B, 1, H, W)``.
        scale: What digital numbers were divided by.

    Warns:
        DataWarning: If there are more, with their most frequent value.
    """
    found, total = [], 0
    for image, valid in zip(images, valids, strict=True):
        inside = valid[:, 0] > 0
        total += int(inside.sum())
        far = normalizer.beyond(image) & inside
        found.append(image.movedim(1, -1)[far])
    pixels = torch.cat(found)
    if not total or len(pixels) <= _SHARE * total:
        return
    low, high = normalizer.low, normalizer.high
    beyond = (pixels < low) | (pixels > high)
    band = int(beyond.sum(0).argmax())
    values, counts = pixels[beyond[:, band], band].unique(return_counts=True)
    value = float(values[counts.argmax()]) * scale
    usual = (normalizer.mean[band] * scale, normalizer.std[band] * scale)
    msg = (
        f'{len(pixels) / total:.3%} of the pixels lie absurdly far from all others, such '
        f'as {value:.9g} in band {band + 1} (the others: mean {usual[0]:.4g}, standard '
        f'deviation {usual[1]:.2g}). The classes are found without them; if they are no '
        f'data, leave them out with --nodata {value:.9g}'
    )
    warnings.warn(msg, DataWarning, stacklevel=2)
