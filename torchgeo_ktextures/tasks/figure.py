# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Figure of a scene, its classes, its simulation and the k textures."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ..colors import spectral_colors
from ..models import KTexturesModel
from ..models.class_colors import model_colors

_Array = npt.NDArray[np.floating]


@torch.no_grad()
def plot_model(
    model: KTexturesModel, image: Tensor, valid: Tensor, title: str = ''
) -> Figure:
    """Plot what a model makes of the first image of a batch.

    Args:
        model: Fitted model.
        image: Bands of shape ``(B, C, H, W)``.
        valid: Validity of shape ``(B, 1, H, W)``, 0 or 1.
        title: Title of the figure.

    Returns:
        The figure.
    """
    training = model.training
    model.eval()
    noise = torch.Generator().manual_seed(0)
    logits = model(image[:1], valid[:1])
    size = min(64, *image.shape[-2:])
    simulation = model.reconstruct(logits, noise)[0]
    textures = model.normalizer.inverse(model.draw_textures((size, size), noise))
    labels = logits[0].argmax(0)
    model.train(training)
    colors = model_colors(model)
    return plot_ktextures(
        image[0], valid[0], labels, simulation, textures, title, colors
    )


def plot_ktextures(
    image: Tensor,
    valid: Tensor,
    labels: Tensor,
    simulation: Tensor,
    textures: Tensor,
    title: str = '',
    colors: Mapping[int, Sequence[int]] | None = None,
) -> Figure:
    """Plot scene, false colour, labels, simulation and textures.

    All images share one contrast stretch, taken from the scene.

    Args:
        image: Bands of the scene of shape ``(C, H, W)``: red, green, blue, and near
            infrared if there are more than three.
        valid: Validity of shape ``(1, H, W)``, 0 or 1.
        labels: Class of each pixel of shape ``(H, W)``.
        simulation: Simulated bands of shape ``(C, H, W)``.
        textures: One texture per class, of shape ``(k, C, h, w)``.
        title: Title of the figure.
        colors: Red, green and blue by class, 0 to 255 (defaults to those of the
            spectra of the textures).

    Returns:
        The figure.
    """
    ok = valid[0].cpu().numpy() > 0
    bands = image.cpu().numpy().astype(float)
    pixels = bands[:, ok] if ok.any() else bands.reshape(len(bands), -1)
    low, high = np.percentile(pixels, [2, 98], axis=1)[..., None, None]

    def show(ax: Axes, values: _Array, title: str, masked: bool = False) -> None:
        shown = np.clip((values - low) / np.maximum(high - low, 1e-12), 0, 1)
        rgb = shown[:3]
        if title == 'False colour':
            rgb = shown[[3, 0, 1]]
        rgb = np.moveaxis(rgb, 0, -1)
        if masked:
            rgb = np.where(ok[..., None], rgb, 1)
        ax.imshow(rgb, interpolation='nearest')
        ax.set_title(title, fontsize=10)

    num_classes = len(textures)
    if colors is None:
        colors = spectral_colors(textures.mean((2, 3)).cpu().numpy())
    table = np.array([colors[i][:3] for i in range(num_classes)]) / 255
    top = ['Scene', 'Labels', 'Simulation']
    if len(bands) > 3:
        top.insert(1, 'False colour')
    columns = min(num_classes, 8)
    rows = math.ceil(num_classes / columns)
    aspect = bands.shape[1] / bands.shape[2]
    height = 12 / len(top) * aspect + 0.4
    small = 12 / columns + 0.3
    fig = Figure(figsize=(12, height + rows * small), layout='constrained')
    parts = fig.subfigures(2, 1, squeeze=False, height_ratios=[height, rows * small])
    upper, lower = parts.flat
    if title:
        fig.suptitle(title, fontsize=11)
    for ax, name in zip(upper.subplots(1, len(top)), top, strict=True):
        match name:
            case 'Labels':
                painted = table[labels.cpu().numpy()]
                ax.imshow(np.where(ok[..., None], painted, 1), interpolation='nearest')
                ax.set_title(name, fontsize=10)
            case 'Simulation':
                show(ax, simulation.cpu().numpy(), name, True)
            case _:
                show(ax, bands, name, True)
        ax.axis('off')
    counts = np.bincount(labels.cpu().numpy()[ok], minlength=num_classes)
    shares = counts / np.maximum(counts.sum(), 1)
    for i, ax in enumerate(lower.subplots(rows, columns, squeeze=False).flat):
        ax.set(xticks=[], yticks=[])
        if i >= num_classes:
            ax.axis('off')
            continue
        show(ax, textures[i].cpu().numpy(), f'class {i}: {shares[i]:.1%}')
        for spine in ax.spines.values():
            spine.set(edgecolor=table[i], linewidth=3)
    return fig
