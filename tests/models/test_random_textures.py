# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Tests of the textures of finished classes."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from torchgeo_ktextures.models import KTexturesModel, RandomTextures
from torchgeo_ktextures.models.random_textures import interior


def scene() -> tuple[Tensor, Tensor]:
    """Left: along rows, bands alike. Right: along columns, bands against each other."""
    rng = np.random.default_rng(0)
    rows = ndimage.gaussian_filter(rng.normal(size=(96, 96)), (0.5, 3))
    cols = ndimage.gaussian_filter(rng.normal(size=(96, 96)), (3, 0.5))
    rows, cols = rows / rows.std(), cols / cols.std()
    image = np.empty((1, 3, 96, 96), np.float32)
    labels = torch.zeros(1, 96, 96, dtype=torch.long)
    labels[:, :, 48:] = 1
    for band, (mean, gain) in enumerate([(1, 0.5), (2, 0.5), (3, -0.2)]):
        image[0, band] = np.where(labels[0] == 0, mean + abs(gain) * rows, gain * cols)
    return torch.from_numpy(image), labels


def neighbours(texture: Tensor, dim: int) -> float:
    """Correlation with the pixels two further on, around the border."""
    x = (texture - texture.mean()).flatten()
    y = (texture.roll(2, dim) - texture.mean()).flatten()
    return float(x @ y / x.square().sum())


def test_textures_have_colour_contrast_and_direction() -> None:
    """What is seen in a class is seen in its texture."""
    image, labels = scene()
    textures = RandomTextures(2, 3)
    textures.fit([image], [labels])
    drawn = textures((64, 64), torch.Generator().manual_seed(0))
    assert drawn.shape == (2, 3, 64, 64)
    for i, inside in enumerate([image[0, :, :, :45], image[0, :, :, 51:]]):
        pixels = inside.flatten(1)
        assert drawn[i].mean((1, 2)) == pytest.approx(pixels.mean(1), abs=1e-3)
        assert torch.cov(drawn[i].flatten(1)) == pytest.approx(
            torch.cov(pixels), abs=0.05
        )
    for i in range(2):
        assert neighbours(drawn[i, 0], 1 - i) > 0.7
        assert neighbours(drawn[i, 0], i) < 0.3


def test_textures_are_seamless() -> None:
    """Opposite borders go on in each other."""
    image, labels = scene()
    textures = RandomTextures(2, 3)
    textures.fit([image], [labels])
    texture = textures((64, 64), torch.Generator().manual_seed(0))[0, 0]
    inside = (texture[:, 1:] - texture[:, :-1]).abs().mean()
    assert (texture[:, 0] - texture[:, -1]).abs().mean() < 2 * inside


def test_what_does_not_count() -> None:
    """Pixels without a class do not, and a class without pixels keeps its colour."""
    image, labels = scene()
    spoiled = image.clone()
    spoiled[..., :48, :48] = 100
    textures = RandomTextures(3, 3)
    textures.mean[2] = 7
    textures.fit([spoiled], [labels.index_fill(1, torch.arange(48), -1)])
    drawn = textures((40, 40))
    assert drawn[0].amax() < 10
    assert (drawn[2] == 7).all()
    assert textures((8, 30)).shape == (3, 3, 8, 30)


def test_thin_classes_and_small_patches() -> None:
    """A class that is nowhere wide is described by what it has."""
    image, labels = scene()
    labels[:, ::6] = 2
    textures = RandomTextures(3, 3)
    textures.fit([image[..., :10, :90]], [labels[..., :10, :90]])
    assert textures((64, 64)).isfinite().all()
    assert (interior(labels, 3)[labels == 2] == -1).all()
    assert textures.mean[2] == pytest.approx(
        image[0][:, labels[0] == 2][:, :180].mean(1), abs=0.3
    )


def test_a_model_draws_them_once_they_are_fitted() -> None:
    """Before, textures are those of the generators."""
    image, _ = scene()
    model = KTexturesModel(3, 2).eval()
    model.normalizer.estimate(image[0].flatten(1).T)
    valid = torch.ones(1, 1, 96, 96)

    def draw() -> Tensor:
        return model.draw_textures((32, 32), torch.Generator().manual_seed(0))

    before = model.generators(1, (32, 32), torch.Generator().manual_seed(0))[0]
    assert (draw() == before).all()
    model.fit_textures([image], [valid])
    assert not torch.allclose(draw(), before)
    again = KTexturesModel(3, 2)
    again.load_state_dict(model.state_dict())
    assert (
        again.eval().draw_textures((32, 32), torch.Generator().manual_seed(0)) == draw()
    ).all()
