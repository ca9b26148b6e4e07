# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Figures of samples."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from torchgeo.datasets import RGBBandsMissingError
from torchgeo.datasets.utils import quantile_normalization

from .sample import Sample


def plot_rgb(
    sample: Sample,
    bands: Sequence[str],
    rgb_bands: Sequence[str],
    show_titles: bool = True,
    suptitle: str | None = None,
) -> Figure:
    """Plot the true colours of a sample, with its labels if it has any.

    Args:
        sample: Sample with ``image`` (C, H, W) or (T, C, H, W) and, optionally,
            ``mask_valid`` (..., 1, H, W), ``mask`` and ``prediction`` (H, W).
        bands: Names of the bands of the image.
        rgb_bands: Names of the bands to show as red, green and blue.
        show_titles: Whether to show titles above each panel.
        suptitle: Optional string to use as a suptitle.

    Returns:
        A figure with one panel per date and one per label map.

    Raises:
        RGBBandsMissingError: If *bands* does not include all RGB bands.
    """
    if not set(rgb_bands) <= set(bands):
        raise RGBBandsMissingError
    indices = [list(bands).index(band) for band in rgb_bands]
    image = sample['image'].detach().cpu()
    images = image if image.ndim == 4 else image[None]
    valid = sample.get('mask_valid', torch.ones(()))
    valid = valid.detach().cpu().expand(len(images), 1, *image.shape[-2:]) > 0
    panels = {}
    for i, (one, mask) in enumerate(zip(images, valid, strict=True)):
        rgb = torch.ones(*mask.shape[-2:], 3)
        for j, band in enumerate(one[indices]):
            if mask.any():
                values = quantile_normalization(band[mask[0]])
                rgb[..., j][mask[0]] = values
        title = 'Image' if len(images) == 1 else f'Image {i + 1}'
        panels[title] = rgb.numpy()
    for key in ('mask', 'prediction'):
        if key in sample:
            panels[key.title()] = np.asarray(sample[key].detach().cpu())
    fig, axes = plt.subplots(
        ncols=len(panels), squeeze=False, figsize=(4 * len(panels), 4)
    )
    for ax, (title, panel) in zip(axes[0], panels.items(), strict=True):
        ax.imshow(panel, cmap='tab20', interpolation='nearest')
        ax.axis('off')
        if show_titles:
            ax.set_title(title)
    if suptitle is not None:
        fig.suptitle(suptitle)
    return fig
