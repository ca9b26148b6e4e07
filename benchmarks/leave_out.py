# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Whether constants that were chosen by labels hold on sets they were not chosen on.

Each constant of the clusters is varied, one at a time. With each set left out in turn,
the value that does best on the others is scored on the set that was left out. Scores are
those of ``ktextures``, divided by those of k-means on pixels: the mean of matched mIoU
with as many clusters as classes, and of majority mIoU with three for each class.

    python -m benchmarks.leave_out --data-root DIR --reference ten_tasks.csv \
        --output leave_out.csv
"""

import argparse
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from unittest import mock

import pandas as pd

from .methods.registry import METHODS
from .report import markdown
from .results import read_rows
from .sets import Task
from .sets.configured import find_tasks
from .summary import table
from .trials import MAIN_SCORES, Trial, main_score, run_trials

#: Module of each constant, and values of it; the first is the default.
CONSTANTS: dict[str, tuple[str, Sequence[object]]] = {
    'EDGE_POWER': ('local_moments', [4, 1, 8]),
    'MEMBER_CLASSES': ('initialization', [(0.5, 1.0), (1.0,), (1.0, 2.0)]),
    'MEMBER_ITERATIONS': ('members', [10, 3]),
    'COMMON_COVARIANCE': ('gaussians', [0.01, 0.001, 0.1]),
    'NOISE_LAG': ('ensemble', [4, 8]),
    'DIRECT_CLASSES': ('ensemble', [8, 4, 10_000]),
    'SMOOTHING': ('smoothing', [6.0, 3.0, 12.0]),
    'SMOOTHING_ROUNDS': ('smoothing', [4, 1]),
}

_FIELDS = ('constant', 'value', 'dataset', 'task', 'clusters', 'seed')


def main(argv: Sequence[str] | None = None) -> None:
    """Run, and print the table.

    Args:
        argv: Arguments, or None for those of the command line.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data-root', type=Path, required=True)
    parser.add_argument('--reference', type=Path, required=True, help='with k-means')
    parser.add_argument('--output', type=Path, required=True, help='CSV file')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0])
    parser.add_argument('--constants', nargs='+', default=list(CONSTANTS))
    parser.add_argument('--datasets', nargs='+')
    args = parser.parse_args(argv)
    rows = run_trials(args.output, _FIELDS, _trials(args))
    if not args.datasets:
        print(summarize(rows, args.reference))


def _trials(args: argparse.Namespace) -> Iterator[Trial]:
    """Trials of each value; those of the defaults come again for each constant."""
    for task in find_tasks(args.data_root, [], args.datasets):
        for constant in args.constants:
            for number, value in enumerate(CONSTANTS[constant][1]):
                name = (constant, str(value)) if number else ('default', '')
                for clusters, seed in product(MAIN_SCORES, args.seeds):
                    key = (*name, task.dataset, task.task, clusters, str(seed))
                    yield key, partial(_score, constant, value, task, clusters, seed)


def _score(constant: str, value: object, task: Task, clusters: str, seed: int) -> float:
    module = CONSTANTS[constant][0]
    target = f'torchgeo_ktextures.clustering.{module}.{constant}'
    with mock.patch(target, value):
        return main_score(task, METHODS['ktextures'], clusters, seed)


def summarize(rows: Sequence[dict[str, str]], reference: Path) -> str:
    """Make the table.

    Args:
        rows: Rows of the CSV file.
        reference: CSV file that has k-means on the same tasks.

    Returns:
        The table in Markdown.
    """
    kmeans = table(read_rows(reference)).query("method == 'kmeans'")
    frame = pd.DataFrame(rows)
    frame['score'] = pd.to_numeric(frame['score'])
    for clusters, what in MAIN_SCORES.items():
        base = kmeans[kmeans['clusters'] == clusters].groupby(['dataset', 'task'])[what]
        ratio = frame.set_index(['dataset', 'task']).index.map(base.mean())
        own = frame['clusters'] == clusters
        frame.loc[own, 'score'] /= ratio[own]
    means = frame.groupby(['constant', 'value', 'dataset'])['score'].mean()
    by_set = means.unstack('dataset')
    lines = []
    for constant in [c for c in CONSTANTS if c in by_set.index]:
        values = pd.concat([by_set.loc[['default']], by_set.loc[[constant]]])
        names = [str(CONSTANTS[constant][1][0]), *by_set.loc[constant].index]
        held = []
        chosen = []
        for dataset in values.columns:
            best = int(values.drop(columns=dataset).mean(axis=1).to_numpy().argmax())
            held.append(values[dataset].iloc[best])
            chosen.append(names[best])
        counts = pd.Series(chosen).value_counts()
        picks = ', '.join(f'{name} ({count})' for name, count in counts.items())
        each = ', '.join(
            f'{name}: {mean:.3f}'
            for name, mean in zip(names, values.mean(axis=1), strict=True)
        )
        lines.append([f'`{constant}`', each, picks, f'{sum(held) / len(held):.3f}'])
    head = ['constant', 'mean of each value', 'chosen with a set left out', 'held out']
    return markdown(head, lines)


if __name__ == '__main__':
    main()
