# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What is lost by cutting the tree of classes, and which number is chosen, on real sets.

For each labelled task: matched mIoU of a fit of as many classes as the labels have, and
of a fit of three times as many, cut to that number; the number that ``n_clusters='auto'``
chooses; and majority mIoU of every number from 2 to 32, cut from one fit of 32.

    python -m benchmarks.tree --data-root DIR --output tree.csv
"""

import argparse
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path

import pandas as pd

from torchgeo_ktextures import KTexturesSegmenter

from .report import markdown
from .scores import score
from .sets import Task
from .sets.configured import find_tasks
from .trials import Trial, run_trials

_FIELDS = ('dataset', 'task', 'seed', 'what')

_MOST = 32


@lru_cache(1)
def _fit(task: str, seed: int, number: int) -> KTexturesSegmenter:
    """Fit to the images of a task; the last fit is kept."""
    segmenter = KTexturesSegmenter(number, random_state=seed)
    return segmenter.fit(list(_TASKS[task].images))


_TASKS: dict[str, Task] = {}


def _cut(name: str, seed: int, number: int, k: int, value: str) -> float:
    """Score of a fit of some classes, cut to fewer."""
    segmenter = _fit(name, seed, number)
    maps = segmenter.cut(k)
    return score(_TASKS[name], maps if isinstance(maps, list) else [maps], number)[
        value
    ]


def _auto(name: str, seed: int) -> float:
    """Number that is chosen."""
    segmenter = KTexturesSegmenter('auto', max_steps=1, random_state=seed)
    return float(segmenter.fit_model(list(_TASKS[name].images)).n_clusters_)


def _trials(args: argparse.Namespace) -> Iterator[Trial]:
    for task in find_tasks(args.data_root, [], args.datasets):
        name = task.name
        _TASKS[name] = task
        classes = task.num_classes
        for seed in args.seeds:
            key = (task.dataset, task.task, str(seed))
            yield (*key, 'fit'), partial(_cut, name, seed, classes, classes, 'miou')
            cut = partial(_cut, name, seed, 3 * classes, classes, 'miou')
            yield (*key, 'cut'), cut
            yield (*key, 'auto'), partial(_auto, name, seed)
            for k in range(2, _MOST + 1) if seed == args.seeds[0] else ():
                many = partial(_cut, name, seed, _MOST, k, 'majority_miou')
                yield (*key, f'{k} of {_MOST}'), many
        del _TASKS[name]


def summarize(rows: Sequence[dict[str, str]]) -> str:
    """Make the table.

    Args:
        rows: Rows of the CSV file.

    Returns:
        Table in Markdown.
    """
    table = pd.DataFrame(rows)
    table['score'] = table['score'].astype(float)
    table['name'] = table['dataset'] + '/' + table['task']
    body = []
    for name, part in table.groupby('name'):
        means = part.groupby('what')['score'].mean()
        chosen = part.loc[part['what'] == 'auto', 'score'].astype(int).tolist()
        curve = {
            int(what.split()[0]): float(value)
            for what, value in means.items()
            if str(what).endswith(f'of {_MOST}')
        }
        best = max(curve, key=lambda k: curve[k]) if curve else 0
        cells = [f'{means.get(what, float("nan")):.3f}' for what in ('fit', 'cut')]
        cells.append(', '.join(map(str, chosen)))
        if curve:
            at = [curve[min(max(k, 2), _MOST)] for k in chosen]
            cells += [f'{sum(at) / max(len(at), 1):.3f}', f'{curve[best]:.3f} ({best})']
        body.append([str(name), *cells])
    titles = ['task', 'fit', 'cut from 3 per class', 'auto', 'majority mIoU there']
    return markdown([*titles, 'best (number)'], body)


def main(argv: Sequence[str] | None = None) -> None:
    """Run, and print the table.

    Args:
        argv: Arguments, or None for those of the command line.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data-root', type=Path, required=True)
    parser.add_argument('--output', type=Path, required=True, help='CSV file')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument('--datasets', nargs='+')
    args = parser.parse_args(argv)
    rows = run_trials(args.output, _FIELDS, _trials(args))
    print(summarize([dict(row) for row in rows]))


if __name__ == '__main__':
    main()
