# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""How often the number of classes is found, on generated scenes where it is known.

Scenes of 2 to 8 classes, of three kinds, sizes, noise levels and shapes of regions;
regions of textures are about 55 pixels wide, as in the texture mosaics.
``ktextures`` is ``KTexturesSegmenter('auto')``. Its peers choose from the same numbers:
silhouette, Calinski-Harabasz and the gap statistic with k-means on standardized pixels,
and the Bayesian information criterion with a Gaussian mixture on them.

    python -m benchmarks.choose_k --seeds 20 21 --output choose_k.csv
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.metrics import calinski_harabasz_score, silhouette_score
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler

from torchgeo_ktextures import KTexturesSegmenter

from .report import markdown
from .sets.generated import MOST, Kind, generate_scene
from .trials import Trial, run_trials

_FIELDS = ('kind', 'classes', 'seed', 'method')

_NUMBERS = range(2, 13)

_KINDS: tuple[Kind, ...] = ('color', 'grain', 'texture')

type _Image = npt.NDArray[np.float32]
type _Pixels = npt.NDArray[np.float64]


def scene_of(kind: Kind, classes: int, seed: int) -> _Image:
    """Generate the scene of a trial; size, noise and shape change with number and seed.

    Args:
        kind: See :func:`~benchmarks.sets.generated.generate_scene`.
        classes: Number of classes.
        seed: Seed.

    Returns:
        Reflectance of shape ``(4, H, W)``.
    """
    size = (128, 192, 256)[(seed + classes) % 3]
    if kind == 'texture':  # regions as large as those of the mosaics
        size = 32 * round(55 * max(3 * classes, 12) ** 0.5 / 32)
    noise = (0.01, 0.02, 0.03)[(seed + classes // 3) % 3]
    shape = ('voronoi', 'fields')[(seed + classes) % 2]
    return generate_scene(kind, classes, size, noise, shape, seed)[0]


def ktextures(image: _Image, seed: int) -> int:
    """Choose by this package; a single step of training, as masks play no part."""
    segmenter = KTexturesSegmenter('auto', max_steps=1, random_state=seed)
    return segmenter.fit_model(image).n_clusters_


def _pixels(image: _Image, seed: int) -> _Pixels:
    pixels = StandardScaler().fit_transform(image.reshape(len(image), -1).T)
    chosen = np.random.default_rng(seed).permutation(len(pixels))[:3000]
    part: _Pixels = pixels[chosen].astype(np.float64)
    return part


def _kmeans(pixels: _Pixels, k: int, seed: int) -> KMeans:
    return KMeans(k, n_init=5, random_state=seed).fit(pixels)


def by_index(
    index: Callable[[_Pixels, npt.NDArray[np.int32]], float], image: _Image, seed: int
) -> int:
    """Choose by the highest value of an index of k-means."""
    pixels = _pixels(image, seed)
    scores = [index(pixels, _kmeans(pixels, k, seed).labels_) for k in _NUMBERS]
    return _NUMBERS[int(np.argmax(scores))]


def by_bic(image: _Image, seed: int) -> int:
    """Choose by the lowest Bayesian information criterion of a Gaussian mixture."""
    pixels = _pixels(image, seed)
    scores = [
        GaussianMixture(k, n_init=3, random_state=seed).fit(pixels).bic(pixels)
        for k in _NUMBERS
    ]
    return _NUMBERS[int(np.argmin(scores))]


def by_gap(image: _Image, seed: int) -> int:
    """Choose by the gap statistic (https://doi.org/10.1111/1467-9868.00293)."""
    pixels, rng = _pixels(image, seed), np.random.default_rng(seed)
    # References are uniform in the box of the principal components.
    mean = pixels.mean(0)
    axes = np.linalg.svd(pixels - mean, full_matrices=False)[2]
    turned = (pixels - mean) @ axes.T
    low, high = turned.min(0), turned.max(0)
    gaps, errors = [], []
    for k in range(1, _NUMBERS[-1] + 2):
        logs = [
            np.log(_kmeans(rng.uniform(low, high, turned.shape), k, seed).inertia_)
            for _ in range(3)
        ]
        gaps.append(np.mean(logs) - np.log(_kmeans(pixels, k, seed).inertia_))
        errors.append(np.std(logs) * np.sqrt(1 + 1 / len(logs)))
    for k in range(1, len(gaps)):
        if gaps[k - 1] >= gaps[k] - errors[k]:
            return k
    return len(gaps)


METHODS: dict[str, Callable[[_Image, int], int]] = {
    'ktextures': ktextures,
    'silhouette': partial(by_index, silhouette_score),
    'Calinski-Harabasz': partial(by_index, calinski_harabasz_score),
    'BIC': by_bic,
    'gap': by_gap,
}


def _trials(seeds: Sequence[int], methods: Sequence[str]) -> Iterator[Trial]:
    for seed in seeds:
        for classes in range(2, MOST + 1):
            for kind in _KINDS:
                for method in methods:
                    key = (kind, str(classes), str(seed), method)
                    yield key, partial(_number, method, kind, classes, seed)


def _number(method: str, kind: Kind, classes: int, seed: int) -> float:
    return float(METHODS[method](scene_of(kind, classes, seed), seed))


def summarize(rows: Sequence[dict[str, str]]) -> str:
    """Make the table of how often the number was found.

    Args:
        rows: Rows of the CSV file.

    Returns:
        Table in Markdown.
    """
    table = pd.DataFrame(rows)
    table['off'] = table['score'].astype(float) - table['classes'].astype(int)
    columns = {}
    for kind in (*_KINDS, 'all'):
        part = table if kind == 'all' else table[table['kind'] == kind]
        found = part.groupby('method')['off']
        columns[f'{kind}: exact'] = found.apply(lambda off: float((off == 0).mean()))
        columns[f'{kind}: within one'] = found.apply(
            lambda off: float((off.abs() <= 1).mean())
        )
    shown = pd.DataFrame(columns).reindex(list(METHODS)).dropna()
    body = [
        [name, *(f'{value:.2f}' for value in values)]
        for name, values in zip(shown.index, shown.to_numpy(), strict=True)
    ]
    return markdown(['method', *shown.columns], body)


def main(argv: Sequence[str] | None = None) -> None:
    """Run, and print the table.

    Args:
        argv: Arguments, or None for those of the command line.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seeds', nargs='+', type=int, default=[20, 21])
    parser.add_argument('--methods', nargs='+', default=list(METHODS))
    parser.add_argument('--output', type=Path, required=True, help='CSV file')
    args = parser.parse_args(argv)
    rows = run_trials(args.output, _FIELDS, _trials(args.seeds, args.methods))
    print(summarize([dict(row) for row in rows]))


if __name__ == '__main__':
    main()
