# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Changes between two dates: what is found of them, and what is found where there are none.

The second date is a copy of the first, with areas pasted from elsewhere, in other light,
through haze or shifted; true pairs of dates are compared as well. See
:mod:`benchmarks.change_pairs`.

    python -m benchmarks.change --data-root DIR --seeds 0 1 2 --output change.csv
"""

import argparse
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from .change_methods import METHODS, Found
from .change_pairs import CONDITIONS, Pair, make_pairs, true_pairs
from .report import markdown
from .results import append_row, read_rows

_KEY = ('pair', 'condition', 'pasted', 'seed', 'method')
_COLUMNS = (*_KEY, 'f1', 'precision', 'recall', 'changed', 'same')


def score(pair: Pair, found: Found) -> dict[str, str]:
    """Compare what was found with what is known.

    Args:
        pair: Two dates.
        found: What a method says of them.

    Returns:
        Scores of change, where areas were pasted; share of the pixels that are said to
        have changed; and share with the same number at both dates. Empty if unknown.
    """
    scores = {'f1': '', 'precision': '', 'recall': ''}
    if pair.pasted and pair.truth is not None:
        hits = float((found.changed & pair.truth).sum())
        said, true = float(found.changed.sum()), float(pair.truth.sum())
        values = 2 * hits / (said + true), hits / max(said, 1), hits / true
        scores = {k: f'{v:.5f}' for k, v in zip(scores, values, strict=True)}
    same = '' if found.same is None else f'{found.same:.5f}'
    return scores | {'changed': f'{found.changed.mean():.5f}', 'same': same}


def run(root: Path, output: Path, seeds: Sequence[int]) -> pd.DataFrame:
    """Run all methods on all pairs that a file does not have yet.

    Args:
        root: Folder of the scenes.
        output: CSV file, made if there is none.
        seeds: Seeds of the pairs and of all methods.

    Returns:
        All rows of the file.
    """
    done = {
        tuple(row[name] for name in _KEY[:4]) for row in read_rows(output, _COLUMNS)
    }
    pairs: Iterator[tuple[int, Pair]] = (
        (seed, pair)
        for seed in seeds
        for pair in chain(make_pairs(root, seed), true_pairs(root))
    )
    for seed, pair in pairs:
        key = (pair.name, pair.condition, str(int(pair.pasted)), str(seed))
        if key in done:
            continue
        found = {k: v for m in METHODS for k, v in m(pair.old, pair.new, seed).items()}
        for method, one in found.items():
            row = dict(zip(_KEY, (*key, method), strict=True)) | score(pair, one)
            append_row(output, row, _COLUMNS)
        print(*key, flush=True)
    frame = pd.DataFrame(read_rows(output, _COLUMNS), columns=list(_COLUMNS))
    numbers = frame[list(_COLUMNS[5:])].apply(pd.to_numeric, errors='coerce')
    return frame.assign(**numbers)


def summarize(frame: pd.DataFrame) -> str:
    """Make the tables.

    Args:
        frame: Rows of the file.

    Returns:
        Tables in Markdown: F1 where areas were pasted, the share that is said to have
        changed where nothing has, and what is said of true pairs.
    """
    made = frame[frame['condition'] != 'true dates']
    pasted = made[made['pasted'] == '1']
    methods = list(dict.fromkeys(frame['method']))
    text = '### F1 of change, areas pasted\n\n'
    text += _table(pasted, 'f1', methods, '{:.3f}')
    text += '\n### Changed where nothing has, percent of the scene (largest in brackets)\n\n'
    text += _table(made[made['pasted'] == '0'], 'changed', methods, '{:.1%}', True)
    true = frame[frame['condition'] == 'true dates']
    names = list(dict.fromkeys(true['pair']))
    for value, title in (
        ('changed', 'True pairs: percent that is said to have changed'),
        ('same', 'True pairs: percent with the same number at both dates'),
    ):
        wide = true.pivot_table(value, 'method', 'pair', dropna=False)
        rows = [
            [m, *('' if np.isnan(v) else f'{v:.1%}' for v in wide.loc[m, names])]
            for m in methods
            if m in wide.index and not wide.loc[m].isna().all()
        ]
        text += f'\n### {title}\n\n' + markdown(['method', *names], rows)
    return text.replace('%', ' %')


def _table(
    frame: pd.DataFrame,
    value: str,
    methods: Sequence[str],
    style: str,
    largest: bool = False,
) -> str:
    """Mean over the pairs of each condition."""
    groups = frame.groupby(['method', 'condition'])[value]
    means, most = groups.mean(), groups.max()
    every = frame.groupby('method')[value].mean()
    rows = []
    for method in methods:
        cells = [style.format(means[method, c]) for c in CONDITIONS]
        if largest:
            tops = [style.format(most[method, c]) for c in CONDITIONS]
            cells = [f'{a} ({b})' for a, b in zip(cells, tops, strict=True)]
        rows.append([method, *cells, style.format(every[method])])
    return markdown(['method', *CONDITIONS, 'mean'], rows)


def main(argv: Sequence[str] | None = None) -> None:
    """Run, and print the tables.

    Args:
        argv: Arguments, or None for those of the command line.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data-root', type=Path, required=True, help='scenes')
    parser.add_argument('--output', type=Path, required=True, help='CSV file')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0])
    args = parser.parse_args(argv)
    print(summarize(run(args.data_root, args.output, args.seeds)))


if __name__ == '__main__':
    main()
