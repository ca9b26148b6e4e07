# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Damages valid inputs, and runs the commands on them.

Each run damages a file at random places (bytes flipped, zeroed, cut off, doubled,
swapped, inserted or all taken away): a scene, its mask, its sidecar file or virtual
raster, a checkpoint, a label map, a legend, points, chips, or what an earlier run left.
Then a command is run on it. That must not end in a traceback, an error of another
library, or not at all; what it leaves must be whole, without temporary files; and a map
that it writes must be that of the undamaged input, where the pixels are the same as GDAL
reads them, with nodata as GDAL's masks of the damaged input say, or there must be a
warning. Pixels that are changed without a trace, as in files that are not compressed,
count as pixels of the scene.

    python -m benchmarks.campaign --runs 1000 --seed 0 --output campaign.csv

Commands run in a process of their own, a new one for every hundred runs, and whenever
one has crashed, which is a fault. Rows are appended as runs end, and those of the file
are not run again. A single run is shown by ``--first NUMBER --runs 1 --keep FOLDER``.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..results import append_row, read_rows
from .processes import FIELDS, fresh, make, rows_of


def summarize(rows: Sequence[Mapping[str, str]]) -> str:
    """Make a table of all runs.

    Args:
        rows: Rows as they are in the file.

    Returns:
        Text of the table.
    """
    groups: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for row in rows:
        groups[row['kind']].append(row)
        groups['all'].append(row)
    lines = [
        f'{"kind":<12}{"runs":>6}{"exit 0":>8}{"exit 1":>8}{"exit 2":>8}'
        + f'{"warned":>8}{"faults":>8}{"longest":>11}'
    ]
    for kind in sorted(groups, key=lambda name: (name == 'all', name)):
        found = groups[kind]
        codes = Counter(str(row['code']) for row in found)
        told = sum(str(row['told']) == '1' and str(row['code']) == '0' for row in found)
        faults = sum(bool(row['faults']) for row in found)
        longest = max(float(row['seconds']) for row in found)
        lines.append(
            f'{kind:<12}{len(found):>6}{codes["0"]:>8}{codes["1"]:>8}{codes["2"]:>8}'
            f'{told:>8}{faults:>8}{longest:>9.1f} s'
        )
    outcomes = Counter(row['outcome'] for row in rows).most_common()
    lines.append('; '.join(f'{count} {name}' for name, count in outcomes))
    return '\n'.join(lines)


def main(args: Sequence[str] | None = None) -> None:
    """Do the runs.

    Args:
        args: Arguments (defaults to those of the process).

    Raises:
        SystemExit: With 1, if there was a fault.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--runs', type=int, default=1000)
    parser.add_argument('--first', type=int, default=0, help='number of the first run')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--output', type=Path, default=Path('campaign.csv'))
    parser.add_argument('--limit', type=float, default=60, help='seconds of a run')
    parser.add_argument('--kind', help='kind of input, such as tiles')
    parser.add_argument('--keep', type=Path, help='folder for inputs and outputs')
    options = parser.parse_args(args)
    rows = read_rows(options.output, FIELDS)
    done = {int(row['run']) for row in rows}
    wanted = range(options.first, options.first + options.runs)
    numbers = [number for number in wanted if number not in done]
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        valid, root = Path(name) / 'valid', options.keep or Path(name) / 'runs'
        valid.mkdir()
        os.environ['XDG_CACHE_HOME'] = str(Path(name) / 'cache')
        process = fresh().Process(target=make, args=(valid,))
        process.start()
        process.join()
        if process.exitcode:
            raise RuntimeError('the inputs could not be made')
        for row in rows_of(numbers, options, valid, root):
            append_row(options.output, row, FIELDS)
            rows.append({key: str(value) for key, value in row.items()})
            if row['faults']:
                print(*(f'{row[key]}' for key in FIELDS), flush=True)
    chosen = [row for row in rows if int(row['run']) in wanted]
    print(summarize(chosen))
    print(f'{len(numbers)} runs took {time.perf_counter() - start:.0f} s')
    if any(row['faults'] for row in chosen):
        sys.exit(1)


if __name__ == '__main__':
    main()
