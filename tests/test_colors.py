# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Colours by spectra, and how well they can be told apart."""

from colorsys import rgb_to_hsv

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from sklearn.cluster import KMeans

from torchgeo_ktextures.colors import class_colors, parse_color
from torchgeo_ktextures.colors.spectral import (
    further_color,
    lent_colors,
    spectral_colors,
)
from torchgeo_ktextures.colors.vision import (
    VISIONS,
    color_difference,
    lab_colors,
    rgb_colors,
    smallest_difference,
)
from torchgeo_ktextures.datasets import Olinda

#: Reflectance of red, green, blue and near infrared.
SPECTRA = {
    'deep water': (0.02, 0.03, 0.05, 0.01),
    'shallow water': (0.06, 0.10, 0.10, 0.03),
    'forest': (0.04, 0.07, 0.04, 0.45),
    'meadow': (0.10, 0.13, 0.08, 0.32),
    'soil': (0.25, 0.20, 0.15, 0.32),
    'town': (0.20, 0.20, 0.19, 0.24),
    'cloud': (0.80, 0.80, 0.80, 0.75),
    'burnt': (0.03, 0.03, 0.03, 0.06),
}


def generated(classes: int, seed: int, bands: int = 4) -> npt.NDArray[np.float64]:
    """Spectra of random classes, some of them much alike."""
    rng = np.random.default_rng(seed)
    means = np.array(list(SPECTRA.values()))[rng.integers(0, len(SPECTRA), classes)]
    light = rng.uniform(0.7, 1.3, (classes, 1)) * rng.uniform(0.9, 1.1, (classes, 4))
    found: npt.NDArray[np.float64] = (means * light)[:, :bands]
    return found


def shipped(classes: int) -> npt.NDArray[np.float64]:
    """Spectra of clusters of the shipped scene."""
    with rasterio.open(Olinda.path) as src:
        pixels = src.read()[:, ::4, ::4].reshape(4, -1).T.astype(float)
    found = KMeans(classes, n_init=1, random_state=0).fit(pixels)
    centers: npt.NDArray[np.float64] = found.cluster_centers_
    return centers


def differences(colors: dict[int, tuple[int, int, int, int]]) -> list[float]:
    rgb = [color[:3] for color in colors.values()]
    return [smallest_difference(rgb, vision) for vision in VISIONS]


@pytest.mark.parametrize('bands', [3, 4, 6])
@pytest.mark.parametrize('scale', [1, 255, 10_000])
def test_colors_look_like_classes(scale: float, bands: int) -> None:
    means = np.array(list(SPECTRA.values())) * scale
    more = np.ones((len(means), 2))
    found = spectral_colors(np.hstack([means, more])[:, :bands])
    colors = dict(zip(SPECTRA, found.values(), strict=True))
    light = {name: lab_colors(color[:3])[0] for name, color in colors.items()}
    hue, strength = {}, {}
    for name, color in colors.items():
        hue[name], strength[name], _ = rgb_to_hsv(*color[:3])
    assert 180 < 360 * hue['deep water'] < 250
    assert 60 < 360 * hue['forest'] < 170
    assert 50 < 360 * hue['meadow'] < 170
    assert light['forest'] < light['meadow']
    assert 360 * hue['soil'] < 50
    assert 360 * hue['town'] < 50 or strength['town'] < 0.2
    assert light['cloud'] > 80
    assert strength['cloud'] < 0.2
    assert light['burnt'] < 45
    if bands > 3:
        assert 180 < 360 * hue['shallow water'] < 250
        assert light['deep water'] < light['shallow water']


def test_forest_in_haze_is_green() -> None:
    """Without near infrared, it has as much blue as a sea."""
    means = [(0.117, 0.19, 0.225), (0.113, 0.185, 0.222), (0.225, 0.245, 0.261)]
    for red, green, blue, _ in list(spectral_colors(np.array(means)).values())[:2]:
        assert green > max(red, blue)


def test_sparse_vegetation_is_green() -> None:
    """Of digital numbers, in which no index is large."""
    means = [(32, 44, 59, 75), (57, 60, 70, 75), (70, 67, 81, 57), (64, 87, 95, 14)]
    for red, green, blue, _ in list(spectral_colors(np.array(means)).values())[:2]:
        assert green > max(red, blue)


@pytest.mark.parametrize(('classes', 'least'), [(8, 14), (16, 9), (32, 6)])
def test_colors_can_be_told_apart(classes: int, least: float) -> None:
    """In all visions, and better than colours by number."""
    by_number = differences(class_colors(classes))
    assert max(by_number[1:]) < 4
    spectra = [shipped(classes)]
    spectra += [
        generated(classes, seed, bands) for seed in range(3) for bands in (3, 4)
    ]
    for means in spectra:
        colors = spectral_colors(means)
        assert [*colors] == [*range(classes)]
        assert min(differences(colors)) >= least
        assert spectral_colors(means) == colors
        rest = spectral_colors(np.random.default_rng(0).random((5, 4)))
        assert len(rest) == 5
        assert spectral_colors(means) == colors


@pytest.mark.parametrize(
    'means',
    [
        np.full((5, 4), np.nan),
        np.zeros((5, 4)),
        -generated(5, 0),
        np.ones((5, 1)),
        np.ones((5, 2)),
        np.array([[np.inf] * 4, *generated(4, 0)]),
        generated(300, 0),
        np.ones((1500, 4)),
    ],
)
def test_any_means(means: npt.NDArray[np.float64]) -> None:
    colors = spectral_colors(means)
    assert len(set(colors.values())) == len(means)
    assert [*colors] == [*range(len(means))]


def test_colors_of_clusters_are_lent() -> None:
    clusters = spectral_colors(np.array(list(SPECTRA.values())))
    votes = np.zeros((3, len(clusters)), int)
    votes[0, 2], votes[1, 2], votes[2, 0] = 3, 5, 1
    colors = lent_colors(clusters, votes)
    assert colors[1] == clusters[2]
    assert colors[2] == clusters[0]
    # The other forest is green, too.
    assert colors[0] != clusters[2]
    assert max(colors[0][:3]) == colors[0][1]
    assert min(differences(colors)) > 10
    known = [color[:3] for color in colors.values()]
    assert smallest_difference([*known, further_color(known)]) > 10


@pytest.mark.parametrize(
    ('value', 'color'),
    [
        ('#1f77b4', (31, 119, 180)),
        ('#17B', (17, 119, 187)),
        ('forestgreen', (34, 139, 34)),
        ('Tab:Blue', (31, 119, 180)),
        ([1, 2, 3], (1, 2, 3)),
    ],
)
def test_parse_color(value: object, color: tuple[int, int, int]) -> None:
    assert parse_color(value) == color


@pytest.mark.parametrize(
    ('first', 'second', 'difference'),
    # https://doi.org/10.1002/col.20070, table 1
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_color_difference(
    first: tuple[float, ...], second: tuple[float, ...], difference: float
) -> None:
    assert color_difference(first, second) == pytest.approx(difference, abs=5e-5)


def test_lab_and_back() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (100, 3))
    assert rgb_colors(lab_colors(rgb)) == pytest.approx(rgb)
    assert lab_colors([255, 0, 0]) == pytest.approx([53.24, 80.09, 67.20], abs=0.02)
    # Red and green are much alike without the cones for one of them.
    for vision in ('deuteranopia', 'protanopia'):
        alike = [(190, 30, 30), (0, 110, 0)], [(190, 30, 30), (0, 0, 250)]
        assert smallest_difference(alike[0]) > 60
        assert smallest_difference(alike[0], vision) < smallest_difference(
            alike[1], vision
        )
