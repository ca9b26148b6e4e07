# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""How much scores change with the seed, the area and the mask stride.

For each task: standard deviation over seeds, and over random parts (80 % of the images,
or of the area where there is one image), and the range over mask strides 2, 4 and 8, of
matched mIoU with as many clusters as classes and of majority mIoU with three for each.
As labels differ from part to part, so does the score of one map: ``map_part`` is the
deviation over parts of the map of the whole, cut to them.

    python -m benchmarks.stability --data-root DIR --output stability.csv
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from .methods.registry import make_method
from .report import markdown
from .run import CLUSTERS
from .scores import score
from .sets import Image, Task
from .sets.configured import find_tasks
from .trials import MAIN_SCORES, Trial, main_score, run_trials

_FIELDS = ('dataset', 'task', 'clusters', 'what', 'value')

_KINDS = ('seed', 'part', 'map_part', 'stride')

#: Share of the images or of the area.
_SHARE = 0.8


class Variant(NamedTuple):
    """What is changed, and to which value."""

    what: str
    value: int


def part_of(task: Task, number: int) -> Task:
    """Take a random part of a task.

    Args:
        task: Images and labels.
        number: Seed of the choice.

    Returns:
        80 % of the images, or a window of 80 % of the area of a single one.
    """
    rng = np.random.default_rng(number)
    count = len(task.images)
    if count > 1:
        index = sorted(rng.permutation(count)[: max(1, round(_SHARE * count))].tolist())
        images = [task.images[i] for i in index]
        return replace(task, images=images, masks=[task.masks[i] for i in index])
    shape = task.masks[0].shape
    size = [round(n * _SHARE**0.5) for n in shape]
    row, col = (
        int(rng.integers(0, n - s + 1)) for n, s in zip(shape, size, strict=True)
    )
    window = (..., slice(row, row + size[0]), slice(col, col + size[1]))
    images, masks = [task.images[0][window]], [task.masks[0][window]]
    return replace(task, images=images, masks=masks)


def _variants(seeds: int, parts: int, strides: bool) -> Iterator[Variant]:
    yield from (Variant('seed', i) for i in range(seeds))
    yield from (Variant('part', i) for i in range(parts))
    yield from (Variant('map_part', i) for i in range(parts))
    if strides:
        yield from (Variant('stride', s) for s in (2, 4, 8))


def _trials(args: argparse.Namespace) -> Iterator[Trial]:
    strides = 'mask_stride' in make_method(args.method).settings
    variants = list(_variants(args.seeds, args.parts, strides))
    for task in find_tasks(args.data_root, [], args.datasets):
        for clusters in MAIN_SCORES:
            whole = cache(partial(_whole_maps, task, args.method, clusters))
            for variant in variants:
                key = (task.dataset, task.task, clusters, *map(str, variant))
                if variant.what == 'map_part':
                    yield key, partial(_score_part, task, whole, clusters, variant)
                else:
                    yield key, partial(_score, task, args.method, clusters, variant)


def _score(task: Task, method: str, clusters: str, variant: Variant) -> float:
    seed = variant.value if variant.what == 'seed' else 0
    if variant.what == 'part':
        task = part_of(task, variant.value)
    if variant.what == 'stride':
        method += f'@mask_stride={variant.value}'
    return main_score(task, make_method(method), clusters, seed)


def _whole_maps(task: Task, method: str, clusters: str) -> list[Image]:
    """Maps of the whole, as images of one band, which can be cut."""
    k = CLUSTERS[clusters] * task.num_classes
    maps = make_method(method).fit_predict(list(task.images), k, 0)
    return [labels[None].astype(np.float32) for labels in maps]


def _score_part(
    task: Task, whole: Callable[[], list[Image]], clusters: str, variant: Variant
) -> float:
    maps = part_of(replace(task, images=whole()), variant.value).images
    labels = [one[0].astype(np.int64) for one in maps]
    k = CLUSTERS[clusters] * task.num_classes
    scores = score(part_of(task, variant.value), labels, k)
    return scores[MAIN_SCORES[clusters]]


def summarize(rows: Sequence[dict[str, str]]) -> str:
    """Make the table.

    Args:
        rows: Rows of the CSV file.

    Returns:
        The table in Markdown.
    """
    frame = pd.DataFrame(rows)
    frame['score'] = pd.to_numeric(frame['score'])
    frame['set'] = frame['dataset'] + '/' + frame['task']
    groups = frame.groupby(['set', 'clusters', 'what'])['score']
    found = groups.std(ddof=1).unstack(['clusters', 'what'])
    ranges = (groups.max() - groups.min()).unstack(['clusters', 'what'])
    columns = [c for c in product(MAIN_SCORES, _KINDS) if c in found]
    for column in columns:
        if column[1] == 'stride':
            found[column] = ranges[column]
    found.loc['mean'] = found.mean()
    titles = [f'{MAIN_SCORES[c]}, {w}' for c, w in columns]
    lines = [
        [str(name), *(f'{row[column]:.3f}' for column in columns)]
        for name, row in found.iterrows()
    ]
    return markdown(['task', *titles], lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Run, and print the table.

    Args:
        argv: Arguments, or None for those of the command line.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data-root', type=Path, required=True)
    parser.add_argument('--output', type=Path, required=True, help='CSV file')
    parser.add_argument('--method', default='ktextures')
    parser.add_argument('--seeds', type=int, default=5, help='number of seeds')
    parser.add_argument('--parts', type=int, default=5, help='number of parts')
    parser.add_argument('--datasets', nargs='+')
    args = parser.parse_args(argv)
    rows = run_trials(args.output, _FIELDS, _trials(args))
    print(summarize(rows))


if __name__ == '__main__':
    main()
