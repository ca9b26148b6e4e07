# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What each part of k-textures contributes, and what the number of clusters does.

Rows are appended to a CSV file as by benchmarks.run; both tables are printed.

    python -m benchmarks.ablation --data-root DIR --output output/ablation.csv
    python -m benchmarks.ablation --data-root DIR --output output/ablation.csv \
        --only 'without textures' --numbers
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from .methods.ablations import ABLATIONS
from .methods.registry import METHODS
from .report import markdown
from .results import read_rows
from .run import run
from .sets.configured import parse_with_sets
from .summary import by_seed, on_task, table

#: Numbers of clusters whatever the number of classes.
NUMBERS = ('2', '4', '8', '16', '32')


def main(argv: Sequence[str] | None = None) -> None:
    """Run the ablation.

    Args:
        argv: Arguments, or None for those of the command line.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--output', type=Path, required=True, help='CSV file')
    parser.add_argument('--only', nargs='*', default=list(ABLATIONS), help='variants')
    parser.add_argument('--numbers', nargs='*', default=list(NUMBERS))
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    args = parse_with_sets(parser, argv)
    args.maps, args.clusters = None, ['classes']
    run(args, {name: ABLATIONS[name] for name in args.only})
    args.clusters = args.numbers
    if args.numbers:
        run(args, {name: METHODS[name] for name in ('kmeans', 'ktextures')})
    frame = table(read_rows(args.output))
    tasks = sorted(frame['set'].unique())

    def row(label: str, method: str, clusters: str, value: str) -> Sequence[str]:
        values = [on_task(frame, method, clusters, t, value).mean() for t in tasks]
        mean = by_seed(frame, method, clusters, value).mean()
        return [label, *(f'{v:.3f}' for v in (*values, mean))]

    rows = [row(name, name, 'classes', 'miou') for name in args.only]
    print(markdown(['matched mIoU', *tasks, 'mean'], rows))
    names = ('kmeans', 'ktextures')
    rows = [
        row(f'{name}, k = {k}', name, k, 'majority_miou')
        for k in args.numbers
        for name in names
    ]
    print(markdown(['majority mIoU', *tasks, 'mean'], rows))


if __name__ == '__main__':
    main()
