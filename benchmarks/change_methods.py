# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Ways to find what has changed between two dates."""

import contextlib
import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.transform import from_origin
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans

from torchgeo_ktextures.change import (
    change,
    irmad,
    orthogonal_regression,
)
from torchgeo_ktextures.cli import main as command

from .change_pairs import Bands, Mask

type Labels = npt.NDArray[np.int64]

#: Number of classes of all methods: the default of segment.
CLASSES = 8


class Found(NamedTuple):
    """What a method says of a pair."""

    changed: Mask
    #: Share of pixels with the same number at both dates, None without numbers.
    same: float | None = None


def ktextures(old: Bands, new: Bands, seed: int) -> dict[str, Found]:
    """Segment both dates together, and compare the maps.

    Args:
        old: Bands of one date of shape ``(C, H, W)``.
        new: Bands of the other date.
        seed: Seed of the fit.

    Returns:
        Changes by the maps and the scenes, by the maps alone, and all differences.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scenes = [folder / 'old.tif', folder / 'new.tif']
        for path, bands in zip(scenes, (old, new), strict=True):
            _write(path, bands)
        with (
            open(os.devnull, 'w') as quiet,
            contextlib.redirect_stdout(quiet),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            options = f'--n-clusters {CLASSES} --normalize relative --confidence true'
            options += f' --seed {seed} --progress false --output {folder / "maps"}'
            command(['segment', *map(str, scenes), *options.split()])
        maps = [folder / 'maps' / f'{path.stem}_labels.tif' for path in scenes]
        labels = []
        for path in maps:
            with rasterio.open(path) as src:
                labels.append(src.read(1))
        same = float((labels[0] == labels[1]).mean())
        return {
            'change, with scenes': Found(change(maps, images=scenes).changed, same),
            'change, maps alone': Found(change(maps).changed, same),
            'difference of the maps': Found(labels[0] != labels[1], same),
        }


def peers(old: Bands, new: Bands, seed: int) -> dict[str, Found]:
    """Find changes by other methods.

    Args:
        old: Bands of one date of shape ``(C, H, W)``.
        new: Bands of the other date.
        seed: Seed of k-means.

    Returns:
        Changes by method. Methods called relative see dates of one radiometry, by the
        places that IR-MAD finds unchanged, as ``segment`` does.
    """
    shape = old.shape[1:]
    x, y = (np.ascontiguousarray(b.reshape(len(b), -1).T) for b in (old, new))
    invariant = irmad(x, y)
    gain, offset = orthogonal_regression(y, x, invariant.weights)
    relative = y * gain + offset
    joint = _joint(x, relative, seed)
    found: dict[str, Found] = {
        'k-means on both': _of_labels(*_joint(x, y, seed)),
        'k-means on both, relative': _of_labels(*joint),
        'two k-means, matched': _of_labels(*_matched(x, y, seed)),
        'difference, Otsu': Found(_by_otsu(_magnitude(x, y))),
        'difference, Otsu, relative': Found(_by_otsu(_magnitude(x, relative))),
        'IR-MAD, k-means': Found(_two_means(invariant.variates, seed)),
        'IR-MAD, k-means on chi-square': Found(
            _two_means(np.sqrt(invariant.chi_square)[:, None], seed)
        ),
    }
    found = {k: Found(v.changed.reshape(shape), v.same) for k, v in found.items()}
    maps = [labels.reshape(shape) for labels in joint]
    ruled = change(maps, images=[old, new]).changed
    found['k-means on both, relative, our rules'] = Found(ruled)
    return found


def _write(path: Path, bands: Bands) -> None:
    profile = {'driver': 'GTiff', 'dtype': 'float32', 'crs': 'EPSG:32633'}
    profile |= {'transform': from_origin(5e5, 5e6, 10, 10)}
    count, height, width = bands.shape
    with rasterio.open(
        path, 'w', count=count, height=height, width=width, **profile
    ) as dst:
        dst.write(bands.astype(np.float32))
        dst.descriptions = ('red', 'green', 'blue', 'nir')


def _joint(x: Bands, y: Bands, seed: int) -> tuple[Labels, Labels]:
    both = np.concatenate([x, y])
    both = (both - both.mean(0)) / both.std(0)
    labels = KMeans(CLASSES, n_init=4, random_state=seed).fit_predict(both)
    return labels[: len(x)], labels[len(x) :]


def _matched(x: Bands, y: Bands, seed: int) -> tuple[Labels, Labels]:
    old, new = (
        KMeans(CLASSES, n_init=4, random_state=seed).fit_predict(
            (part - part.mean(0)) / part.std(0)
        )
        for part in (x, y)
    )
    overlap = np.zeros((CLASSES, CLASSES))
    np.add.at(overlap, (old, new), 1)
    rows, cols = linear_sum_assignment(overlap, maximize=True)
    names = np.empty(CLASSES, np.int64)
    names[cols] = rows
    return old, names[new]


def _of_labels(old: Labels, new: Labels) -> Found:
    return Found(old != new, float((old == new).mean()))


def _magnitude(x: Bands, y: Bands) -> Bands:
    length: Bands = np.sqrt((((x - y) / x.std(0)) ** 2).sum(1))
    return length


def _by_otsu(values: Bands) -> Mask:
    """Split values by the threshold of Otsu (https://doi.org/10.1109/TSMC.1979.4310076)."""
    if values.max() - values.min() < 1e-9:
        return np.zeros(len(values), bool)
    counts, edges = np.histogram(values, 256)
    middles = (edges[1:] + edges[:-1]) / 2
    below, sums = np.cumsum(counts)[:-1], np.cumsum(counts * middles)
    above = counts.sum() - below
    with np.errstate(divide='ignore', invalid='ignore'):
        between = (sums[:-1] / below - (sums[-1] - sums[:-1]) / above) ** 2
    found: Mask = values > edges[1 + int(np.nanargmax(between * below * above))]
    return found


def _two_means(variates: Bands, seed: int) -> Mask:
    """Split MAD variates in two; what is farther from zero has changed."""
    labels = KMeans(2, n_init=4, random_state=seed).fit_predict(variates)
    sizes = [float((variates[labels == i] ** 2).sum(1).mean()) for i in range(2)]
    found: Mask = labels == int(np.argmax(sizes))
    return found


METHODS: tuple[Callable[[Bands, Bands, int], dict[str, Found]], ...] = (
    ktextures,
    peers,
)
