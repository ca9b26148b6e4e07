# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Processes that do runs."""

import argparse
import multiprocessing as mp
import os
import random
import resource
import shutil
import traceback
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from .checks import broken_files
from .inputs import make_inputs
from .judging import judge, undamaged
from .runs import COMMANDS, do, prepare

#: Runs of a process, and memory that it may have in bytes.
_CHUNK, _MEMORY = 100, 12 * 2**30

FIELDS = (
    'run', 'kind', 'command', 'file', 'damage', 'position', 'size', 'code', 'seconds',
    'told', 'outcome', 'faults', 'said',
)  # fmt: skip


def fresh() -> ForkServerContext:
    """Where processes begin with what is imported here, and nothing else."""
    context = mp.get_context('forkserver')
    context.set_forkserver_preload([__name__])
    return context


def make(valid: Path) -> None:
    """Make valid inputs, and say nothing.

    Args:
        valid: Folder to fill.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    make_inputs(valid)


def do_run(
    number: int,
    seed: int,
    valid: Path,
    folder: Path,
    limit: float = 60,
    kind: str | None = None,
) -> dict[str, Any]:
    """Do one run.

    Args:
        number: Number of the run.
        seed: Seed of all runs.
        valid: Folder of valid inputs.
        folder: Folder of the run, to be made.
        limit: Seconds that it may take.
        kind: Kind of input (defaults to any).

    Returns:
        Its row of the table.
    """
    run = prepare(valid, folder, random.Random(f'{seed} {number}'), kind)
    do(run, limit)
    faults = [*run.faults, *broken_files(run)]
    outcome, told = 'refused' if run.code else 'fault', run.told()
    if not run.code and not faults:
        told -= undamaged(run).told() if run.command in COMMANDS else set()
        try:
            outcome = judge(run)
        except Exception as error:  # noqa: BLE001 - it is a fault, of either side
            faults.append(f'cannot be judged ({type(error).__name__}: {error})')
        if outcome.startswith('wrong') and not told:
            faults.append(outcome)
    lines = [line for line in run.said.splitlines() if line.strip()]
    reasons = [line for line in lines if 'error:' in line] or sorted(told)
    return {
        'run': number,
        'kind': run.case.kind,
        'command': run.command,
        'file': run.damaged.name,
        **dict(zip(('damage', 'position', 'size'), run.damage, strict=True)),
        'code': run.code,
        'seconds': round(run.seconds, 2),
        'told': int(bool(told)),
        'outcome': outcome,
        'faults': '; '.join(faults),
        'said': ' | '.join(reasons)[:400],
    }


def work(
    numbers: Sequence[int],
    seed: int,
    valid: Path,
    root: Path,
    keep: bool,
    limit: float,
    kind: str | None,
    pipe: Connection,
) -> None:
    """Do some runs in this process, and send their rows.

    Args:
        numbers: Numbers of the runs.
        seed: Seed of all runs.
        valid: Folder of valid inputs.
        root: Folder for the runs.
        keep: Whether to leave what is in it.
        limit: Seconds that each may take.
        kind: Kind of input (defaults to any).
        pipe: Where to send rows, or what went wrong here.
    """
    # GDAL writes there by itself.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in numbers:
        folder = root / str(number)
        try:
            row = do_run(number, seed, valid, folder, limit, kind)
        except Exception as error:  # noqa: BLE001 - it is raised again there
            pipe.send(f'{error}\n{traceback.format_exc()}')
            return
        pipe.send(row)
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def rows_of(
    numbers: Sequence[int], args: argparse.Namespace, valid: Path, root: Path
) -> Iterable[Mapping[str, Any]]:
    """Rows of runs, done in other processes."""
    context = fresh()
    left = list(numbers)
    while left:
        mine, theirs = context.Pipe(False)
        options = (valid, root, args.keep is not None, args.limit, args.kind, theirs)
        process = context.Process(
            target=work, args=(left[:_CHUNK], args.seed, *options)
        )
        process.start()
        theirs.close()
        end = left[min(_CHUNK, len(left)) - 1]
        try:
            while left and left[0] <= end:
                # The first one waits for imports as well.
                row = mine.recv() if mine.poll(3 * args.limit + 60) else None
                if row is None:
                    raise EOFError
                if isinstance(row, str):
                    raise RuntimeError(f'run {left[0]}: {row}')  # noqa: TRY004
                yield row
                left.pop(0)
        except EOFError:
            process.kill()
            process.join()
            fault = f'process ended with status {process.exitcode}'
            row = dict.fromkeys(FIELDS, '') | {'run': left.pop(0), 'kind': 'unknown'}
            yield row | {'code': process.exitcode, 'seconds': 0, 'faults': fault}
        finally:
            with suppress(ValueError):
                process.join(10)
                process.kill()
