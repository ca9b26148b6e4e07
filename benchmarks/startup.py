# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What a process needs to start: processor time and memory, beside PyTorch alone.

    python -m benchmarks.startup

Libraries are to be compiled to bytecode, as they are after a first run.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torchgeo_ktextures

# Nothing heavy is loaded here: a child begins with the peak memory of its parent.
SCENE = str(Path(torchgeo_ktextures.__file__).parent / 'datasets/data/l7_olinda.tif')

#: Ends the process where it would open the first raster.
_UNTIL_FIRST_READ = """
import os, sys
import rasterio
rasterio.open = lambda *args, **kwargs: os._exit(0)
from torchgeo_ktextures.cli import main
main(sys.argv[1:])
"""


def measure(command: Sequence[str]) -> tuple[float, float]:
    """Run a command with one thread.

    Args:
        command: Program and arguments.

    Returns:
        Processor time in seconds, and peak resident memory in MiB.

    Raises:
        RuntimeError: If it fails.
    """
    environment = os.environ | {'OMP_NUM_THREADS': '1'}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f'{" ".join(command)} failed')
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and print the least of each.

    Args:
        argv: Arguments, or None for those of the command line.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--repeats', type=int, default=2, help='runs of each process')
    repeats = parser.parse_args(argv).repeats
    with tempfile.TemporaryDirectory() as folder:
        model, python = str(Path(folder) / 'model.ckpt'), [sys.executable, '-c']
        ours = 'import sys; from torchgeo_ktextures.cli import main; main(sys.argv[1:])'
        scene = ['segment', SCENE, '--progress', 'false', '--output']
        fit = [*scene, str(Path(folder) / 'fit.tif'), '--n-clusters', '6']
        fit += ['--save-checkpoint', model]
        apply = [*scene, str(Path(folder) / 'map.tif'), '--checkpoint', model]
        commands = {
            'import torch': [*python, 'import torch'],
            'fit and map the shipped scene': [*python, ours, *fit],
            'segment, until it opens the scene': [*python, _UNTIL_FIRST_READ, *fit],
            'apply the model to the shipped scene': [*python, ours, *apply],
        }
        print('| process | CPU seconds | peak memory, MiB |\n|---|---|---|')
        for name, command in commands.items():
            found = []
            for _ in range(repeats):
                for path in Path(folder).glob('*.tif*'):
                    path.unlink()
                found.append(measure(command))
            seconds, memory = (min(values) for values in zip(*found, strict=True))
            print(f'| {name} | {seconds:.1f} | {memory:.0f} |')


if __name__ == '__main__':
    main()
