# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Colours of the classes of a model."""

import torch

from ..colors import spectral_colors
from .ktextures import KTexturesModel


@torch.no_grad()
def model_colors(model: KTexturesModel) -> dict[int, tuple[int, int, int, int]]:
    """Choose colours by the mean spectra of the classes.

    They depend on the fitted model alone, so that all of its maps have the same.

    Args:
        model: Fitted model.

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
    return spectral_colors((means * std + mean).numpy())
