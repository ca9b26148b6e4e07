# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""How good maps are after a number of clicks, of this tool and of its peers.

A click is answered by the true class of the pixel. Random clicks are on labelled pixels,
and suggested ones as well, as nobody can name others here. Scores are mean intersection
over union of the classes that occur, on labelled pixels of all images of a task, 50,000 of
them at most. Rows that the file has already are not computed again.

    python -m benchmarks.clicks --data-root DIR --output clicks.csv --plot clicks.png
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from itertools import product
from pathlib import Path

import pandas as pd

from .click_methods import CLICK_METHODS
from .click_scene import ClickScene
from .plots import plot_clicks
from .report import markdown
from .sets.configured import find_tasks, parse_with_sets
from .trials import Trial, run_trials

_FIELDS = ('dataset', 'task', 'method', 'clicks', 'draw')

#: Numbers of clicks.
CLICKS = (5, 10, 20, 40, 100, 300)

#: What others are compared with.
REFERENCE = 'forest on context, random'


def _trials(args: argparse.Namespace) -> Iterator[Trial]:
    for task in find_tasks(args.data_root, args.configs, args.datasets):
        scene = cache(partial(ClickScene, task))
        cases = product(args.methods, args.clicks, range(args.draws))
        for method, clicks, draw in cases:
            key = (task.dataset, task.task, method, str(clicks), str(draw))
            yield key, partial(_score, scene, method, clicks, draw)


def _score(
    scene: Callable[[], ClickScene], method: str, clicks: int, draw: int
) -> float:
    found = CLICK_METHODS[method](scene(), clicks, draw)
    return scene().score(found)


def summarize(rows: Sequence[dict[str, str]]) -> str:
    """Make the tables.

    Args:
        rows: Rows of the CSV file.

    Returns:
        Means over tasks, and how they compare with a forest on context, in Markdown.
    """
    means = table(rows)
    methods = [m for m in CLICK_METHODS if m in means.index.get_level_values('method')]
    overall = means.groupby('method').mean().loc[methods]
    titles = ['method', *(f'{n} clicks' for n in overall.columns)]
    lines = [[m, *(f'{v:.3f}' for v in overall.loc[m])] for m in methods]
    parts = [markdown(titles, lines)]
    if REFERENCE in methods:
        reference = means.xs(REFERENCE, level='method')
        lines = []
        for method in methods:
            own = means.xs(method, level='method')
            ratio = own.mean() / reference.loc[own.index].mean()
            least = (own / reference.loc[own.index]).min()
            pairs = zip(ratio, least, strict=True)
            lines.append([method, *(f'{r:.2f} ({w:.2f})' for r, w in pairs)])
        parts.append(markdown(titles, lines))
    return '\n\n'.join(parts)


def table(rows: Sequence[dict[str, str]]) -> pd.DataFrame:
    """Bring rows to a table.

    Args:
        rows: Rows of the CSV file.

    Returns:
        Mean scores over draws by task and method, with a column for each number of
        clicks.
    """
    frame = pd.DataFrame(rows)
    frame['score'] = pd.to_numeric(frame['score'])
    frame['clicks'] = pd.to_numeric(frame['clicks'])
    frame['set'] = frame['dataset'] + '/' + frame['task']
    return frame.pivot_table('score', ['set', 'method'], 'clicks')


def main(argv: Sequence[str] | None = None) -> None:
    """Run, print the tables, and draw the curves.

    Args:
        argv: Arguments, or None for those of the command line.
    """
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.clicks',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--output', type=Path, required=True, help='CSV file')
    parser.add_argument('--plot', type=Path, help='PNG file of the curves')
    parser.add_argument('--clicks', nargs='+', type=int, default=list(CLICKS))
    parser.add_argument('--draws', type=int, default=3, help='number of draws')
    parser.add_argument(
        '--methods', nargs='+', choices=CLICK_METHODS, default=list(CLICK_METHODS)
    )
    args = parse_with_sets(parser, argv)
    rows = run_trials(args.output, _FIELDS, _trials(args))
    print(summarize(rows))
    if args.plot:
        plot_clicks(table(rows).groupby('method').mean(), args.plot)


if __name__ == '__main__':
    main()
