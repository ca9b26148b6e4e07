# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Kills the segment command at random moments and lets it go on.

The command segments several small scenes, with mosaic, legend and report. Once it is left
alone, to know what it writes and how much processor time it takes. Then it is killed as
often as asked for, once in each of as many equal parts of that time, at a random moment
of the part.
What is there under its final name afterwards must be complete: the same bytes as those of
the run that was left alone. Then the same command is run again, and must leave all of
these bytes and nothing else.

    python -m benchmarks.kill
"""

import argparse
import math
import multiprocessing as mp
import os
import random
import re
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import rasterio
from rasterio.windows import Window

from torchgeo_ktextures.cli import main as command
from torchgeo_ktextures.datasets import Olinda


def make_scenes(folder: Path, count: int) -> list[str]:
    """Cut small scenes, side by side, out of the shipped one."""
    folder.mkdir()
    scenes = []
    with rasterio.open(Olinda.path) as src:
        size = src.width // count
        for i in range(count):
            window = Window(i * size, 0, size, size)
            profile = src.profile | {
                'height': size,
                'width': size,
                'transform': src.window_transform(window),
            }
            path = folder / f'{i}.tif'
            with rasterio.open(path, 'w', **profile) as dst:
                dst.write(src.read(window=window))
            scenes.append(str(path))
    return scenes


def segment(scenes: list[str], output: Path, steps: int) -> None:
    """Run the command."""
    output.parent.mkdir(exist_ok=True)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    options = ['--n-clusters', '3', '--device', 'cpu', '--tile-size', '64']
    options += ['--steps', str(steps), '--mosaic', 'tif', '--confidence', 'true']
    report = output / 'report.html'
    command(
        ['segment', *scenes, '--output', str(output), '--report', str(report), *options]
    )


def contents(folder: Path) -> dict[str, bytes]:
    """Bytes of all files of a folder, but for the times in the report."""
    files = sorted(path for path in folder.rglob('*') if path.is_file())
    found = {str(path.relative_to(folder)): path.read_bytes() for path in files}
    times = re.compile(b'<time.*?</time>')
    return {
        name: times.sub(b'', data) if name.endswith('.html') else data
        for name, data in found.items()
    }


def is_temporary(name: str) -> bool:
    """Whether a file is none of those that a user asked for."""
    return Path(name).name.startswith('.')


def wait(process: mp.process.BaseProcess, limit: float = math.inf) -> float:
    """Wait until a process has had some processor time, or has ended.

    Returns:
        The processor time that it has had, in seconds.
    """
    spent = 0.0
    while process.is_alive() and spent < limit:
        with suppress(OSError):
            # https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
            text = Path(f'/proc/{process.pid}/stat').read_text()
            user, system = text.rsplit(')', 1)[1].split()[11:13]
            spent = (int(user) + int(system)) / os.sysconf('SC_CLK_TCK')
        time.sleep(0.002)
    return spent


def main() -> None:
    """Print a line per kill."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--kills', type=int, default=10)
    parser.add_argument('--scenes', type=int, default=4)
    parser.add_argument('--steps', type=int, default=4)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    # What is imported before is not waited for, and not killed.
    context = mp.get_context('forkserver')
    context.set_forkserver_preload(
        [
            'torchgeo_ktextures.pipelines.segmentation',
            'torchgeo_ktextures.pipelines.segment_report',
        ]
    )
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        scenes = make_scenes(root / 'scenes', args.scenes)

        def start(output: Path) -> mp.process.BaseProcess:
            process = context.Process(target=segment, args=(scenes, output, args.steps))
            process.start()
            return process

        def finish(output: Path) -> dict[str, bytes]:
            process = start(output)
            process.join()
            if process.exitcode:
                raise RuntimeError(f'segment ended with status {process.exitcode}')
            return contents(output)

        process = start(root / 'whole' / 'maps')
        total = wait(process)
        whole = finish(root / 'whole' / 'maps')
        print(f'{len(whole)} files in {total:.1f} s, left alone', flush=True)
        failures = 0
        for i in range(args.kills):
            output = root / str(i) / 'maps'
            limit = (i + rng.random()) / args.kills * total
            process = start(output)
            wait(process, limit)
            alive = process.is_alive()
            process.kill()
            process.join()
            left = contents(output) if output.exists() else {}
            there = [n for n in left if not is_temporary(n)]
            broken = [n for n in there if left[n] != whole.get(n)]
            after = finish(output)
            wrong = [n for n in whole | after if whole.get(n) != after.get(n)]
            failures += bool(broken or wrong)
            print(
                f'{limit:5.2f} s, {"killed" if alive else "had ended"}: '
                f'{len(there)} of {len(whole)} files, {len(left) - len(there)} '
                f'temporary; broken: {broken}; wrong after going on: {wrong}',
                flush=True,
            )
    print(f'{failures} of {args.kills} kills left something wrong')


if __name__ == '__main__':
    main()
