# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Single runs: a command on a damaged input."""

import io
import logging
import os
import random
import re
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import torchgeo_ktextures
from torchgeo_ktextures.cli import main as command
from torchgeo_ktextures.datamodules import TrainingChipsDataModule
from torchgeo_ktextures.datasets.survey import load_survey

from .corruption import Damage, corrupt
from .inputs import CASES, FIT, QUICK, Case, export_arguments

#: What a line says when a user is told that something is not as it should be.
_TOLD = re.compile(
    r'warning|Skipped|dropped|left out|not on the map|have no name|has no name|cp1252'
)

#: What is run as users run it; the rest is called from here.
COMMANDS = (
    'checkpoint', 'checkpoint3', 'model', 'two', 'fit', 'again', 'again_fit',
    'again_kept', 'relabel', 'clean', 'points', 'export', 'picture',
)  # fmt: skip

#: How errors of other libraries are shown.
_UNEXPECTED = re.compile(r'\(at \S+:\d+; --debug shows more\)')


class HangError(BaseException):
    """A run takes too long; no handler of exceptions may catch it."""


@dataclass
class Run:
    """What a command made of a damaged input."""

    case: Case
    command: str
    #: Folder of the inputs, one of which is damaged, and folder of the output.
    folder: Path
    output: Path
    valid: Path
    damaged: Path
    damage: Damage
    #: Content of the damaged file.
    data: bytes = field(repr=False)
    code: int = 0
    seconds: float = 0.0
    said: str = ''
    faults: list[str] = field(default_factory=list)

    def is_left(self) -> bool:
        """Whether the damaged file is as it was before."""
        return self.damaged.exists() and self.damaged.read_bytes() == self.data

    def told(self) -> set[str]:
        """Lines by which the user is told that something is not as it should be."""
        lines = self.said.replace(str(self.folder), '').splitlines()
        return {line for line in lines if _TOLD.search(line)}


def prepare(valid: Path, folder: Path, rng: random.Random, only: str | None) -> Run:
    """Copy inputs, and damage one of them.

    Args:
        valid: Folder of valid inputs.
        folder: Folder for the run, not there yet.
        rng: Random numbers.
        only: Kind of input (defaults to any).

    Returns:
        The run, not done yet.
    """
    case = rng.choice([case for case in CASES if only in (None, case.kind)])
    name = rng.choice(case.commands)
    output = folder / 'out'
    output.mkdir(parents=True)
    for item in case.files:
        source = valid / item
        # What an earlier run left is where the new one writes.
        target = output if name.startswith('again') else folder / item
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy2(source, target)
    pattern = case.target
    if name.startswith('again'):
        pattern = f'out/{pattern.split("/", 1)[1]}'
    damaged = rng.choice(sorted(p for p in folder.glob(pattern) if p.is_file()))
    data, damage = corrupt(damaged.read_bytes(), rng)
    damaged.write_bytes(data)
    return Run(case, name, folder, output, valid, damaged, damage, data)


def arguments(run: Run, folder: Path | None = None) -> list[str]:
    """Arguments of the command of a run.

    Args:
        run: Run.
        folder: Folder of the inputs (defaults to that of the damaged ones).

    Returns:
        The arguments.
    """
    here, output = folder or run.folder, run.output
    valid, case = run.valid, run.case
    scene = str(here / case.raster)
    model = ['--checkpoint', str(valid / 'model.ckpt'), *QUICK]
    bands = [] if 'model' in run.command else ['--bands', '1,2,3,4']
    named = case.raster.partition('.')[0] in (
        'strips',
        'tiles',
        'float',
        'masked',
        'pam',
    )
    bands = [] if named or case.raster == 'xml_vrt.vrt' else bands
    to_map = ['--output', str(output / 'map.tif')]
    relabel = ['relabel', str(here / 'labels.tif'), '--output', f'{output}/named.tif']
    if run.command == 'checkpoint3':
        model3 = ['--checkpoint', str(valid / 'model3.ckpt'), *QUICK]
        return ['segment', scene, *to_map, *model3, '--bands', '1,2,3']
    if run.command == 'checkpoint':
        return ['segment', scene, *to_map, *model, *bands]
    if run.command == 'model':
        own = ['--checkpoint', str(here / 'model.ckpt'), *QUICK]
        return ['segment', str(valid / case.raster), *to_map, *own]
    if run.command == 'fit':
        return ['segment', scene, *to_map, *FIT, *bands]
    if run.command == 'two':
        scenes = [scene, str(valid / 'other.tif')]
        return ['segment', *scenes, '--output', str(output), *model, *bands]
    if run.command == 'again':
        return ['segment', str(valid / 'strips.tif'), *to_map, *model]
    if run.command.startswith('again'):
        return ['segment', str(valid / 'strips.tif'), *to_map, *FIT]
    if run.command == 'relabel':
        return [*relabel, '--classes', str(here / 'classes.yaml')]
    if run.command == 'clean':
        options = ['--classes', str(here / 'classes.yaml'), '--majority', '3']
        options += ['--confidence', str(here / 'sure.tif'), '--min-confidence', '50']
        return [*relabel, *options, '--min-area', '4px']
    if run.command == 'points':
        return [*relabel, '--points', str(here / run.damaged.name)]
    if run.command == 'export':
        return export_arguments(here, output / 'samples')
    return ['picture', scene, '--output', str(output / 'picture.png')]


def call(args: Sequence[str]) -> tuple[int, str, list[str]]:
    """Run a command in this process.

    Args:
        args: Its arguments.

    Returns:
        Exit code, what it said, and what is wrong with the way it ended.
    """
    code, said, faults = _call(lambda: command(args))
    # Also those that Python shows of errors that nobody can handle.
    return code, said, [*faults, *(['traceback'] if 'Traceback' in said else [])]


def _call(function: Callable[[], object]) -> tuple[int, str, list[str]]:
    out, err = io.StringIO(), io.StringIO()
    code, faults = 0, []
    with redirect_stdout(out), redirect_stderr(err):
        try:
            function()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        except HangError:
            code = -1
            faults.append('hang')
        except BaseException as error:  # noqa: BLE001 - that is what is looked for
            code = -1
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f'{os.path.basename(where.filename)}:{where.lineno}'
            faults.append(f'{type(error).__name__} at {place}: {str(error)[:200]}')
    said = err.getvalue()
    if _UNEXPECTED.search(said):
        faults.append('unexpected error')
    if code not in (0, 1, 2, -1):
        faults.append(f'exit code {code}')
    if code in (1, 2) and not re.search(r'error: \S', said):
        faults.append('no reason given')
    return code, said + out.getvalue(), faults


def _chips(run: Run) -> None:
    """Read chips as torchgeo fit does, with errors as our commands show them."""
    try:
        data = TrainingChipsDataModule(str(run.folder / 'samples/chips'), batch_size=2)
        data.setup('fit')
        data.setup('test')
        for split in ('train', 'val', 'test'):
            for batch in data._dataloader(split):
                data.on_after_batch_transfer(batch, 0)
    except (OSError, ValueError) as error:
        where = traceback.extract_tb(error.__traceback__)[-1].filename
        if not where.startswith(os.path.dirname(torchgeo_ktextures.__file__)):
            raise
        print(f'error: {error}', file=sys.stderr)
        sys.exit(2)


def _survey(run: Run) -> None:
    found, clean = load_survey(run.damaged), load_survey(run.valid / 'survey.npz')
    assert clean is not None
    if found is not None and [a.tolist() for a in found] != [a.tolist() for a in clean]:
        raise RuntimeError('another survey')


def _ring(signum: int, frame: FrameType | None) -> None:
    raise HangError


def do(run: Run, limit: float) -> None:
    """Do what a run is for, and note how it ends.

    Args:
        run: Prepared run.
        limit: Seconds that it may take.
    """
    logging.getLogger('lightning.pytorch').setLevel(logging.ERROR)
    signal.signal(signal.SIGALRM, _ring)
    signal.setitimer(signal.ITIMER_REAL, limit)
    start = time.perf_counter()
    try:
        if run.command == 'chips':
            run.code, run.said, run.faults = _call(lambda: _chips(run))
        elif run.command == 'survey':
            run.code, run.said, run.faults = _call(lambda: _survey(run))
        else:
            assert run.command in COMMANDS
            run.code, run.said, run.faults = call(arguments(run))
    except HangError:  # as the command ended
        run.code, run.faults = -1, ['hang']
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        run.seconds = time.perf_counter() - start
