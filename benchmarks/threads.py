# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Time of a fit beside other programs, by what its threads do while they wait.

The command segments the shipped scene in a fresh process with all cores and the default
options, alone and beside one busy loop per core, with threads of OpenMP that spin while
they wait (``OMP_WAIT_POLICY=active``) and as the command sets them (``passive``). The
four are measured in turns. What else runs on the machine counts: the load before each
measurement is printed with it.

    python -m benchmarks.threads --output threads.csv
"""

import argparse
import csv
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from torchgeo_ktextures.datasets import Olinda

#: What decides on threads, and is not to come from the shell.
_VARIABLES = (
    'OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'OMP_WAIT_POLICY',
    'GOMP_SPINCOUNT', 'KMP_BLOCKTIME',
)  # fmt: skip

#: Variables of each way to wait.
_WAYS: Mapping[str, Mapping[str, str]] = {
    'active': {'OMP_WAIT_POLICY': 'active'},
    'passive (default)': {},
}


@contextmanager
def busy_cores(number: int) -> Iterator[None]:
    """Keep cores busy.

    Args:
        number: Number of loops.

    Yields:
        Nothing.
    """
    loops = [
        subprocess.Popen([sys.executable, '-c', 'while True: pass'])
        for _ in range(number)
    ]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def time_fit(variables: Mapping[str, str], options: list[str], limit: float) -> float:
    """Segment the shipped scene once.

    Args:
        variables: Variables of the environment.
        options: Further options of the command.
        limit: Seconds after which it is stopped.

    Returns:
        Seconds of the whole process, infinite if it was stopped.

    Raises:
        subprocess.CalledProcessError: If the command fails.
    """
    environment = {k: v for k, v in os.environ.items() if k not in _VARIABLES}
    args = [sys.executable, '-m', 'torchgeo_ktextures.cli', 'segment', str(Olinda.path)]
    with tempfile.TemporaryDirectory() as folder:
        output = ['--output', str(Path(folder) / 'map.tif')]
        start = time.perf_counter()
        try:
            subprocess.run(
                [*args, *output, '--device', 'cpu', '--progress', 'false', *options],
                env={**environment, **variables},
                stdout=subprocess.DEVNULL,
                check=True,
                timeout=limit,
            )
        except subprocess.TimeoutExpired:
            return math.inf
        return time.perf_counter() - start


def main() -> None:
    """Print the times and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--repeats', type=int, default=1)
    parser.add_argument('--steps', type=int, help='training steps of the fits')
    parser.add_argument('--limit', type=float, default=900, help='seconds of a fit')
    parser.add_argument('--output', type=Path, help='CSV file of all times')
    args = parser.parse_args()
    # So that no loop stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    options = [] if args.steps is None else ['--steps', str(args.steps)]
    cores = len(os.sched_getaffinity(0))
    found: dict[tuple[str, int], list[float]] = {}
    rows = []
    for _ in range(args.repeats):
        for busy in (0, cores):
            for way, variables in _WAYS.items():
                load = os.getloadavg()[0]
                with busy_cores(busy):
                    seconds = time_fit(variables, options, args.limit)
                found.setdefault((way, busy), []).append(seconds)
                rows.append((way, busy, round(seconds, 2), round(load, 2)))
                beside = f'beside {busy} busy loops' if busy else 'alone'
                print(
                    f'{way}, {beside}: {seconds:.1f} s (load before: {load:.2f})',
                    flush=True,
                )
    if args.output is not None:
        with args.output.open('w', newline='') as file:
            writer = csv.writer(file)
            writer.writerow(('wait', 'busy_loops', 'seconds', 'load_before'))
            writer.writerows(rows)
    print(f'\n{cores} cores, medians of {args.repeats}')
    print(f'{"":<20}{"alone":>10}{"beside":>10}{"ratio":>8}')
    times = {key: statistics.median(values) for key, values in found.items()}
    for way in _WAYS:
        free, full = times[way, 0], times[way, cores]
        print(f'{way:<20}{free:>8.1f} s{full:>8.1f} s{full / free:>8.2f}')
    first, second = _WAYS
    ratios = [times[first, busy] / times[second, busy] for busy in (0, cores)]
    print(f'{"active / passive":<20}{ratios[0]:>10.2f}{ratios[1]:>10.2f}')


if __name__ == '__main__':
    main()
