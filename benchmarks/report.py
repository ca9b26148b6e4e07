# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Results of the benchmark as Markdown tables, plots and panels of maps.

python -m benchmarks.report results.csv --output report
python -m benchmarks.report results.csv --output report --maps maps --data-root DIR
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from .panels import draw_panels
from .plots import plot_costs, plot_scores
from .results import read_rows
from .sets.configured import SetConfig, find_tasks, read_config
from .summary import by_seed, estimate, on_task, ratios, table

#: Setting of the number of clusters: title, and score that it is judged by.
SETTINGS = {
    'classes': ('As many clusters as classes, matched one to one', 'miou'),
    '3x': ('Three clusters per class, named by majority', 'majority_miou'),
}

#: Scores that others publish.
SHOWN = ('accuracy', 'miou')

#: Titles of the averages over tasks.
AVERAGES = {
    'miou': 'mIoU',
    'accuracy': 'accuracy',
    'majority_miou': 'majority mIoU',
    'majority_accuracy': 'majority accuracy',
    'nmi': 'NMI',
    'ari': 'ARI',
    'boundary_f1': 'boundary F1',
}


def markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format a table."""
    lines = [titles, ['---'] * len(titles), *rows]
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines) + '\n'


def task_table(frame: pd.DataFrame, clusters: str, base: str) -> str:
    """Score of each method on each task, and in relation to pixel k-means."""
    value = SETTINGS[clusters][1]
    tasks = sorted(frame.loc[frame['clusters'] == clusters, 'set'].unique())
    rows = []
    for method in methods(frame, clusters):
        scores = [
            estimate(on_task(frame, method, clusters, task, value).to_list())
            for task in tasks
        ]
        average = estimate(by_seed(frame, method, clusters, value).to_list())
        relative = ratios(frame, method, base, clusters, value)
        complete = len(relative) == len(tasks)
        rows.append(
            [
                f'`{method}`',
                *map(str, scores),
                str(average),
                f'{np.mean(list(relative.values())):.3f}' if complete else '',
                f'{min(relative.values()):.3f}' if complete else '',
            ]
        )
    titles = ['method', *tasks, 'mean', f'mean ratio to {base}', 'smallest ratio']
    return markdown(titles, rows)


def average_table(frame: pd.DataFrame, clusters: str) -> str:
    """All scores of each method, averaged over tasks."""
    rows = []
    values = [
        v
        for v in AVERAGES
        if v.startswith('majority') == (clusters == '3x')
        or v in ('nmi', 'ari', 'boundary_f1')
    ]
    for method in methods(frame, clusters):
        row = [f'`{method}`']
        for value in values:
            row.append(str(estimate(by_seed(frame, method, clusters, value).to_list())))
        rows.append(row)
    return markdown(['method', *(AVERAGES[v] for v in values)], rows)


def cost_table(frame: pd.DataFrame) -> str:
    """Time and memory of each method, and its settings."""
    rows = []
    for method in methods(frame):
        part = frame[frame['method'] == method]
        # Tasks that share a fit share its time.
        fits = part.drop_duplicates(['dataset', 'k', 'seed'])
        settings = json.loads(part['settings'].iloc[-1])
        rows.append(
            [
                f'`{method}`',
                f'{fits["wall_seconds"].mean():.1f}',
                f'{fits["wall_seconds"].max():.1f}',
                f'{fits["cpu_seconds"].mean():.1f}',
                f'{fits["peak_memory_mib"].max():.0f}',
                ', '.join(f'{name} {_short(v)}' for name, v in settings.items()),
            ]
        )
    titles = ['method', 'wall seconds', 'longest', 'CPU seconds', 'peak MiB']
    return markdown([*titles, 'settings'], rows)


def published_table(frame: pd.DataFrame, config: SetConfig) -> str:
    """Results of this run beside those that others published for the protocol."""
    task = f'{config.name}/{config.task}'
    rows = []
    for method in methods(frame, 'classes'):
        scores = [
            estimate(on_task(frame, method, 'classes', task, value).to_list())
            for value in SHOWN
        ]
        if not math.isnan(scores[0].mean):
            rows.append([f'`{method}`', *map(str, scores), 'this run'])
    for row in config.published:
        values = [f'{row[name]:.3f}' if name in row else '' for name in SHOWN]
        rows.append([row['method'], *values, row['source']])
    return markdown(['method', 'accuracy', 'mIoU', 'source'], rows)


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ' '.join(f'{name} {v}' for name, v in value.items())
    return str(value)


def methods(frame: pd.DataFrame, clusters: str | None = None) -> list[str]:
    """Methods in the order of the file."""
    part = frame if clusters is None else frame[frame['clusters'] == clusters]
    found: list[str] = part['method'].unique().tolist()
    return found


def sections(
    frame: pd.DataFrame, base: str, configs: Sequence[SetConfig]
) -> Iterator[str]:
    """Sections of the report."""
    for clusters, (title, value) in SETTINGS.items():
        if clusters not in set(frame['clusters']):
            continue
        seeds = sorted(frame.loc[frame['clusters'] == clusters, 'seed'].unique())
        yield f'## {title}\n\n{AVERAGES[value]}, seeds {", ".join(map(str, seeds))}'
        yield "The interval is that of 95 % of Student's t over seeds."
        yield task_table(frame, clusters, base)
        yield 'Averages over the tasks:'
        yield average_table(frame, clusters)
    for config in configs:
        if config.published and config.name in set(frame['dataset']):
            yield f'## {config.name}: published results'
            yield published_table(frame, config)
    yield '## Time, memory and settings\n\nMeans over fits, each fit and predict.'
    yield cost_table(frame)
    for versions in frame['versions'].unique():
        libraries = ', '.join(f'{n} {v}' for n, v in json.loads(versions).items())
        threads = '/'.join(sorted(frame['threads'].unique()))
        yield f'{libraries}; {frame["platform"].iloc[0]}, {threads} threads'


def main(argv: Sequence[str] | None = None) -> int:
    """Write the report.

    Args:
        argv: Arguments, or None for those of the command line.

    Returns:
        Exit code, 2 if the arguments are wrong.
    """
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.report',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('results', type=Path, nargs='+', help='CSV files')
    parser.add_argument('--output', type=Path, required=True, help='folder')
    parser.add_argument('--base', default='kmeans', help='method to relate others to')
    parser.add_argument('--maps', type=Path, help='folder of label maps of the run')
    parser.add_argument('--data-root', type=Path, help='folder of the sets')
    parser.add_argument(
        '--configs', type=Path, nargs='+', default=[], help='configurations of sets'
    )
    args = parser.parse_args(argv)
    if args.maps and not args.data_root and not args.configs:
        parser.error('--maps needs the images: give --data-root or --configs as well')
    try:
        frame = table([row for path in args.results for row in read_rows(path)])
        args.output.mkdir(parents=True, exist_ok=True)
        configs = [read_config(path) for path in args.configs]
        parts = ['# Benchmark', *sections(frame, args.base, configs)]
        for clusters, (title, value) in SETTINGS.items():
            if clusters in set(frame['clusters']):
                path = args.output / f'scores_{clusters}.png'
                plot_scores(frame, clusters, value, title, path)
                parts.append(f'![{title}]({path.name})')
        plot_costs(frame, args.output / 'costs.png')
        parts.append('![Time](costs.png)')
        if args.maps:
            tasks = find_tasks(args.data_root, args.configs, set(frame['dataset']))
            for path in draw_panels(frame, args.maps, tasks, args.output):
                parts.append(f'![{path.stem}]({path.name})')
        report = args.output / 'report.md'
        part = report.with_suffix('.part')
        part.write_text('\n\n'.join(text.strip() for text in parts) + '\n')
        part.rename(report)
    except (FileNotFoundError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    print(report)
    return 0


if __name__ == '__main__':
    sys.exit(main())
