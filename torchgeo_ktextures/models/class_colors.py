# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Colours of the classes of a model."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..colors import spectral_colors
from .ktextures import KTexturesModel


@torch.no_grad()
def model_colors(
    model: KTexturesModel, restore: Callable[[Tensor], Tensor] | None = None
) -> dict[int, tuple[int, int, int, int]]:
    """Choose colours by the mean spectra of the classes.

    They depend on the fitted model alone, so that all of its maps have the same.

    Args:
        model: Fitted model.
        restore: What brings bands ``(B, C, H, W)`` back to reflectance, if they were
            normalized before the model.

    Returns:
        Red, green, blue and alpha in 0..255 by class, see
        :func:`~torchgeo_ktextures.colors.spectral_colors`.
    """
    textures, normalizer = model.textures, model.normalizer
    means = textures.mean if textures.fitted else model.generators.mean
    # In double precision: a model on another device gives the same.
    means, std, mean = (
        v.detach().cpu().double() for v in (means, normalizer.std, normalizer.mean)
    )
    spectra = means * std + mean
    if restore is not None:
        spectra = restore(spectra[..., None, None])[..., 0, 0]
    return spectral_colors(spectra.numpy())
