# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""k-textures and its peers on labelled sets; results as rows of a CSV file.

Each method is fitted on all images of a set, without labels, and predicts them. Rows
are appended one by one; a row that the file already has, with the same settings and
data, is not computed again.

    python -m benchmarks.run --data-root ../shared/data/benchmark --output results.csv
    python -m benchmarks.run --data-root DIR --methods kmeans ktextures@mask_stride=2 \
        --datasets ukis_clouds --seeds 0 1 2 --clusters classes --output results.csv
    python -m benchmarks.run --configs configs/benchmarks/mosaics_plain.yaml \
        --output mosaics.csv
"""

import argparse
import datetime
import json
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import torch

from .cell import CellError, run_cell
from .maps import map_path, save_maps
from .methods.method import Method
from .methods.registry import METHODS, make_method
from .results import Row, append_row, config_hash, environment, key, read_rows
from .scores import score
from .sets import Task
from .sets.configured import find_tasks, parse_with_sets

#: Number of clusters for each class.
CLUSTERS = {'classes': 1, '3x': 3}


class Fit(NamedTuple):
    """A fit and the results that come from it."""

    method: str
    k: int
    seed: int
    results: list[tuple[Row, Task]]


def fits(
    tasks: Sequence[Task],
    methods: dict[str, Method],
    seeds: Sequence[int],
    clusters: Sequence[str],
) -> Iterator[Fit]:
    """List the fits of a set.

    Args:
        tasks: Tasks of the set, which share their images.
        methods: Methods by name.
        seeds: Seeds.
        clusters: Keys of :data:`CLUSTERS`, or numbers.

    Yields:
        Fits; tasks with the same number of clusters share one.
    """
    hashes = {task.task: task.data_hash() for task in tasks}
    wanted = [(_number(c, t), c, t) for c in clusters for t in tasks]
    wanted.sort(key=lambda result: result[0])
    for seed in seeds:
        for name, method in methods.items():
            config = config_hash(name, method.settings)
            for k, group in groupby(wanted, key=lambda result: result[0]):
                results = []
                for _, cluster, task in group:
                    row = {
                        'method': name,
                        'dataset': task.dataset,
                        'task': task.task,
                        'clusters': cluster,
                        'k': str(k),
                        'seed': str(seed),
                        'config_hash': config,
                        'data_hash': hashes[task.task],
                    }
                    results.append((row, task))
                yield Fit(name, k, seed, results)


def _number(clusters: str, task: Task) -> int:
    if clusters in CLUSTERS:
        return CLUSTERS[clusters] * task.num_classes
    return int(clusters)


def _clusters(text: str) -> str:
    if text not in CLUSTERS and not (text.isdecimal() and int(text) > 1):
        msg = f'{text!r} is neither a number, at least 2, nor one of '
        raise argparse.ArgumentTypeError(msg + ', '.join(CLUSTERS))
    return text


def run_fit(fit: Fit, method: Method, output: Path, maps: Path | None) -> None:
    """Run a fit and append its rows.

    Args:
        fit: The fit.
        method: Its method.
        output: CSV file.
        maps: Folder to store the maps in, or None.

    Raises:
        CellError: If the method failed.
        ValueError: If it returned no valid maps.
    """
    first = fit.results[0][1]
    cell = run_cell(method, first.images, fit.k, fit.seed)
    if maps:
        path = map_path(maps, first.dataset, fit.method, fit.k, fit.seed)
        save_maps(path, cell.maps)
    costs = {
        'wall_seconds': f'{cell.wall_seconds:.3f}',
        'cpu_seconds': f'{cell.cpu_seconds:.3f}',
        'peak_memory_mib': f'{cell.peak_memory:.1f}',
        'threads': str(torch.get_num_threads()),
        'settings': json.dumps(method.settings),
    }
    for row, task in fit.results:
        scores = score(task, cell.maps, fit.k)
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds')
        values = {name: f'{value:.6f}' for name, value in scores.items()}
        append_row(output, row | values | costs | environment() | {'time': now})
        print(
            f'{task.name} {fit.method} k={fit.k} seed={fit.seed}: '
            f'mIoU {scores["miou"]:.3f}, majority {scores["majority_miou"]:.3f}, '
            f'ARI {scores["ari"]:.3f}, {cell.wall_seconds:.1f} s, '
            f'{cell.peak_memory:.0f} MiB',
            flush=True,
        )


def run(args: argparse.Namespace, methods: dict[str, Method]) -> int:
    """Run all methods on all sets.

    Args:
        args: Command-line arguments.
        methods: Methods by name.

    Returns:
        Number of fits that failed.
    """
    done = {key(row) for row in read_rows(args.output)}
    failed = 0
    tasks = find_tasks(args.data_root, args.configs, args.datasets)
    for _, group in groupby(tasks, key=lambda task: task.dataset):
        for fit in fits(list(group), methods, args.seeds, args.clusters):
            missing = [r for r in fit.results if key(r[0]) not in done]
            if not missing:
                continue
            fit = fit._replace(results=missing)
            try:
                run_fit(fit, methods[fit.method], args.output, args.maps)
            except (CellError, ValueError) as error:
                failed += 1
                name = f'{missing[0][1].dataset} {fit.method} k={fit.k}'
                print(f'{name} failed: {error}', file=sys.stderr, flush=True)
    return failed


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark.

    Args:
        argv: Arguments, or None for those of the command line.

    Returns:
        Exit code: 1 if a fit failed, 2 if the arguments are wrong.
    """
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.run',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--output', type=Path, required=True, help='CSV file')
    parser.add_argument(
        '--methods',
        nargs='+',
        metavar='METHOD',
        help='some of ' + ', '.join(METHODS) + '; or variants, NAME@SETTING=VALUE,...',
    )
    parser.add_argument('--seeds', nargs='+', type=int, default=[0])
    parser.add_argument(
        '--clusters',
        nargs='+',
        type=_clusters,
        default=list(CLUSTERS),
        help='classes, 3x (three for each class), or numbers',
    )
    parser.add_argument('--weights', help='file of the weights of VGG-16')
    parser.add_argument('--maps', type=Path, help='folder to store label maps in')
    args = parse_with_sets(parser, argv)
    try:
        methods = {
            name: make_method(name, args.weights) for name in args.methods or METHODS
        }
        for name, reason in {n: m.unavailable() for n, m in methods.items()}.items():
            if reason is not None:
                print(f'{name} is left out: {reason}', file=sys.stderr, flush=True)
                del methods[name]
        return 1 if run(args, methods) else 0
    except (FileNotFoundError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2


if __name__ == '__main__':
    sys.exit(main())
