# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Pairs of dates of which it is known what has changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.windows import Window
from scipy.ndimage import gaussian_filter, shift

type Bands = npt.NDArray[np.float64]
type Mask = npt.NDArray[np.bool_]

#: Scenes by the name of their place, dates in order. NAIP: USDA, public domain; windows
#: of Austria: Fields of the World, MIT; SSL4EO-S12: CC BY 4.0; Sentinel-2: Copernicus.
PLACES = {
    'prairie': tuple(
        f'naip_prairie/m_4709963_se_14_1_{day}.tif'
        for day in ('20090818', '20120731', '20150926', '20180716', '20200831')
    ),
    'austria': ('s2_ftw_austria_windowA.tif', 's2_ftw_austria_windowB.tif'),
    'fields': ('s2_ssl4eo_0000200_20200604.tif', 's2_ssl4eo_0000200_20200813.tif'),
}

#: Crops that are changed by hand: place, number of the date, first row and column.
CROPS = (
    ('prairie', 0, 0, 0),
    ('prairie', 1, 200, 300),
    ('prairie', 2, 400, 614),
    ('austria', 0, 59, 0),
    ('austria', 1, 0, 258),
    ('fields', 0, 0, 0),
    ('fields', 1, 0, 0),
)

#: Largest height and width of a crop, in pixels.
SIZE = 320

#: What is done to the second date.
CONDITIONS = ('copy', 'gain', 'noise', 'haze', 'shift 0.5', 'shift 1', 'all')

#: Share of a crop that is pasted over, and radius of the areas in pixels.
_SHARE, _RADIUS = 0.08, (8, 24)

#: Jeffries-Matusita distance, at most 2, from which on two areas count as different. At
#: 1.9 classes are said to be well separated (Richards 2013, section 10.2,
#: https://doi.org/10.1007/978-3-642-30062-2).
_DISTANCE = 1.9

#: Standard deviation of the noise and largest offset, in standard deviations of a band.
_NOISE, _OFFSET = 0.05, 0.25

#: Most haze, and how much of it a band sees: red, green, blue, near infrared.
_HAZE, _HAZE_BANDS = 0.4, (0.6, 0.8, 1.0, 0.25)


@dataclass(frozen=True)
class Pair:
    """Two dates."""

    name: str
    condition: str
    #: Whether areas were pasted into the second date.
    pasted: bool
    #: Bands of both dates of shape ``(C, H, W)``.
    old: Bands
    new: Bands
    #: Where they were pasted, of shape ``(H, W)``; None for a pair of true dates.
    truth: Mask | None


def read_crop(root: Path, path: str, row: int, col: int) -> Bands:
    """Read a part of a scene.

    Args:
        root: Folder of the scenes.
        path: Path of the scene in it.
        row: First row.
        col: First column.

    Returns:
        Bands of at most :data:`SIZE` pixels in height and width.
    """
    with rasterio.open(root / path) as src:
        size = min(SIZE, src.height - row), min(SIZE, src.width - col)
        bands: Bands = src.read(window=Window(col, row, size[1], size[0])).astype(float)
    return bands


def make_pairs(root: Path, seed: int) -> Iterator[Pair]:
    """Make pairs in which it is known what has changed.

    The second date is a copy of the first. Areas of random outline are pasted into it
    from elsewhere in the crop, where the bands of both are far apart: no method takes
    part in that. Then everything is disturbed. Copies have the same noise, dates have
    not: so some is added in all conditions but 'copy' and 'gain'.

    Args:
        root: Folder of the scenes.
        seed: Seed of areas and disturbances.

    Yields:
        Pairs with and without pasted areas.
    """
    for number, (place, date, row, col) in enumerate(CROPS):
        old = read_crop(root, PLACES[place][date], row, col)
        rng = np.random.default_rng((seed, number))
        pasted, truth = paste(old, rng)
        for condition in CONDITIONS:
            for changed, mask in ((pasted, truth), (old, np.zeros_like(truth))):
                again = np.random.default_rng((seed, number, 1))
                new, moved = disturb(changed, mask, condition, again)
                name = f'{place} {date + 1}'
                yield Pair(name, condition, changed is pasted, old, new, moved)


def true_pairs(root: Path) -> Iterator[Pair]:
    """Pairs of true dates, of which it is not known what has changed.

    Args:
        root: Folder of the scenes.

    Yields:
        Each date with the next one.
    """
    for place, paths in PLACES.items():
        for i, (first, second) in enumerate(pairwise(paths)):
            with rasterio.open(root / first) as a, rasterio.open(root / second) as b:
                row, col = 100 if place == 'prairie' else 0, 0
                x, y = a.xy(row, col)
                other = b.index(x, y)
            old = read_crop(root, first, row, col)
            new = read_crop(root, second, *(max(n, 0) for n in other))
            height, width = np.minimum(old.shape[1:], new.shape[1:])
            name = f'{place} {i + 1} to {i + 2}'
            cut = np.s_[:, :height, :width]
            yield Pair(name, 'true dates', False, old[cut], new[cut], None)


def paste(image: Bands, rng: np.random.Generator) -> tuple[Bands, Mask]:
    """Paste areas of a scene over others that differ from them.

    Args:
        image: Bands of shape ``(C, H, W)``.
        rng: Random numbers.

    Returns:
        The changed scene, and where it was changed.
    """
    bands, height, width = image.shape
    ridge = np.diag((0.1 * image.reshape(bands, -1).std(1)) ** 2)
    new, truth = image.copy(), np.zeros((height, width), bool)
    taken = truth.copy()
    for _ in range(5000):
        if truth.mean() >= _SHARE:
            break
        area = _blob(rng)
        h, w = area.shape
        rows = rng.integers(0, height - h, 2)
        cols = rng.integers(0, width - w, 2)
        source, target = (
            np.s_[r : r + h, c : c + w] for r, c in zip(rows, cols, strict=True)
        )
        if (taken[target] & area).any():
            continue
        pixels = [image[:, *place][:, area] for place in (source, target)]
        if _distance(pixels[0], pixels[1], ridge) < _DISTANCE:
            continue
        new[:, *target][:, area] = pixels[0]
        truth[target] |= area
        r, c = rows[1], cols[1]
        taken[max(r - 4, 0) : r + h + 4, max(c - 4, 0) : c + w + 4] = True
    return new, truth


def disturb(
    image: Bands, truth: Mask, condition: str, rng: np.random.Generator
) -> tuple[Bands, Mask]:
    """See a scene in other light, through haze, or shifted.

    Args:
        image: Bands of shape ``(C, H, W)``.
        truth: Where it was changed.
        condition: One of :data:`CONDITIONS`.
        rng: Random numbers.

    Returns:
        The scene as it is seen, and where it was changed.
    """
    if condition == 'copy':
        return image, truth
    bands, height, width = image.shape
    std = image.reshape(bands, -1).std(1)[:, None, None]
    angle, seen = rng.uniform(0, 2 * np.pi), image
    gain, offset = rng.uniform(0.8, 1.2, std.shape), rng.uniform(-1, 1, std.shape)
    field = gaussian_filter(rng.normal(size=(height, width)), max(height, width) / 8)
    noise = rng.normal(size=image.shape)
    pixels = {'shift 0.5': 0.5, 'shift 1': 1.0, 'all': 0.5}.get(condition, 0)
    if pixels:
        step = pixels * np.sin(angle), pixels * np.cos(angle)
        seen = np.stack([shift(b, step, order=1, mode='nearest') for b in seen])
        moved = shift(truth.astype(float), step, order=1, mode='nearest')
        truth = moved > 0.5
    if condition in ('gain', 'all'):
        seen = seen * gain + _OFFSET * offset * std
    if condition in ('haze', 'all'):
        field = _HAZE * (field - field.min()) / (field.max() - field.min())
        share = np.array(_HAZE_BANDS)[:bands, None, None] * field
        air = np.percentile(image.reshape(bands, -1), 95, 1)[:, None, None]
        seen = seen * (1 - share) + share * air
    return seen if condition == 'gain' else seen + _NOISE * std * noise, truth


def _blob(rng: np.random.Generator) -> Mask:
    """An area with an irregular outline."""
    radius = rng.uniform(*_RADIUS)
    phases, strengths = rng.uniform(0, 2 * np.pi, 3), rng.uniform(0, 0.25, 3)
    half = int(1.9 * radius) + 2
    rows, cols = np.mgrid[-half : half + 1, -half : half + 1]
    angle = np.arctan2(rows, cols)
    waves = zip(range(1, 4), phases, strengths, strict=True)
    outline = 1 + sum(s * np.cos(i * angle + phase) for i, phase, s in waves)
    inside = np.hypot(rows, cols) <= radius * outline
    first, last = (np.flatnonzero(inside.any(axis))[[0, -1]] for axis in (1, 0))
    area: Mask = inside[first[0] : first[1] + 1, last[0] : last[1] + 1]
    return area


def _distance(one: Bands, two: Bands, ridge: Bands) -> float:
    """Jeffries-Matusita distance of Gaussians."""
    covariances = [np.cov(part) + ridge for part in (one, two)]
    middle = (covariances[0] + covariances[1]) / 2
    step = one.mean(1) - two.mean(1)
    logs = [np.linalg.slogdet(c)[1] for c in (middle, *covariances)]
    found = step @ np.linalg.solve(middle, step) / 8
    found += (logs[0] - (logs[1] + logs[2]) / 2) / 2
    return float(2 * (1 - np.exp(-found)))
