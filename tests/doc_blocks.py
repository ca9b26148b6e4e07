# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Code blocks of the README and of the pages, and how to run them."""

import argparse
import contextlib
import io
import re
import runpy
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import jsonargparse
import lightning.pytorch
import numpy as np
import yaml
from markdown_it import MarkdownIt
from torchgeo.main import main as torchgeo

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.cli import main

ROOT = Path(__file__).parents[1]

#: Programs that are not ours, or that test what runs here.
_OTHERS = {'.', '.ci/run', 'cd', 'export', 'git', 'mypy', 'pip', 'pytest', 'ruff'}
_OTHERS |= {'docker', 'ls', 'sbatch', 'sphinx-build', 'srun', 'uv', 'unzip', 'cat'}

#: What makes a training small, by what its configuration has.
_SMALL_FIT = {
    '': {
        'trainer.limit_train_batches': '2',
        'trainer.limit_val_batches': '1',
        'trainer.max_epochs': '1',
        'trainer.log_every_n_steps': '1',
    },
    'tasks.KTextures': {'model.init_patches': '8', 'data.length': '16'},
    'TrainingChips': {'data.length': '16'},
    'RasterDataModule': {'data.patch_size': '32'},
    'PlanetDataModule': {'data.patch_size': '32'},
}
_SMALL = {
    '': {'trainer.enable_progress_bar': 'false', 'trainer.accelerator': 'cpu'},
    'num_workers': {'data.num_workers': '0'},
    'PlanetDataModule': {'data.tile_size': '64'},
}


@dataclass(frozen=True)
class Block:
    """A code block of a page."""

    place: str
    language: str
    text: str
    #: Why it is only parsed, and not run, if it is not.
    not_run: str | None

    def commands(self) -> list[str]:
        """Commands of a shell that the block shows, without their output."""
        found: list[str] = []
        goes_on = False
        for line in self.text.splitlines():
            if line.startswith('$ '):
                found.append(line[2:].removesuffix('\\'))
            elif goes_on:
                found[-1] += line.removesuffix('\\')
            goes_on = line.endswith('\\')
        return found


class Parsed(Exception):
    """Arguments were parsed, and nothing is to be run."""


def blocks_of(page: Path) -> Iterator[Block]:
    """Code blocks of a page; commands of those that are indented take hours."""
    for token in MarkdownIt().parse(page.read_text('utf-8')):
        if token.type == 'code_block':
            text = re.sub(r'(?m)^(?=python -m|torchgeo)', '$ ', token.content)
            language, not_run = 'console', 'hours'
        elif token.type == 'fence':
            language, _, not_run = token.info.partition(' not-run: ')
            text = token.content
        else:
            continue
        line = (token.map or [0])[0] + 1
        yield Block(f'{page.name}:{line}', language, text, not_run or None)


class Shell:
    """Runs commands in this process, with trainings made small."""

    def __init__(self) -> None:
        self.variables: dict[str, str] = {}

    def run(self, command: str, *, parse_only: bool = False) -> str:
        """Run a command; what it printed."""
        printed = io.StringIO()
        for part in re.split(r'&&', command.split(' > ')[0]):
            with contextlib.redirect_stdout(printed):
                self._run(shlex.split(self._expand(part), comments=True), parse_only)
        return printed.getvalue()

    def _expand(self, text: str) -> str:
        text = re.sub(r'\$\((.*?)\)', lambda m: self.run(m[1]).strip(), text)
        return re.sub(r'\$(\w+)', lambda m: self.variables.get(m[1], m[0]), text)

    def _run(self, words: list[str], parse_only: bool) -> None:
        while words and re.fullmatch(r'\w+=.*', words[0]):
            name, _, value = words.pop(0).partition('=')
            self.variables[name] = value
        if words[:2] == ['uv', 'run']:
            words = words[2:]
        if not words or words[0] in _OTHERS:
            return
        program, *arguments = words
        if program == 'mkdir':
            Path(arguments[-1]).mkdir(parents=True, exist_ok=True)
            return
        if program == 'python':
            parse_only = True
        elif not parse_only:
            arguments += self._small(program, arguments)
        with _only_parsing() if parse_only else contextlib.nullcontext():
            self._call(program, arguments)

    def _call(self, program: str, arguments: list[str]) -> None:
        if program == 'torchgeo-ktextures' and arguments[0] not in ('fit', 'predict'):
            _ours(arguments)
        elif program in ('torchgeo', 'torchgeo-ktextures'):
            torchgeo(arguments)
        elif program == 'python' and arguments[0] == '-m':
            with mock.patch('sys.argv', arguments[1:]):
                runpy.run_module(arguments[1], run_name='__main__')
        elif program == 'python':
            with mock.patch('sys.argv', arguments):
                runpy.run_path(str(ROOT / arguments[0]), run_name='__main__')
        else:
            raise AssertionError(f'{program} is no program that is known here')

    def _small(self, program: str, arguments: list[str]) -> list[str]:
        """Options that make a run small, but for those that are given."""
        options: dict[str, str] = {}
        if program == 'torchgeo':
            configs = [
                Path(arguments[i + 1]).read_text()
                for i, word in enumerate(arguments)
                if word == '--config'
            ]
            tables = [_SMALL, *([_SMALL_FIT] if arguments[0] == 'fit' else [])]
            for table in tables:
                for part, more in table.items():
                    options |= more if part in ''.join(configs) else {}
        elif arguments[0] in ('segment', 'classify'):
            options = {'progress': 'false', 'device': 'cpu', 'steps': '1'}
        elif arguments[0] == 'export':
            options = {'chip-size': '32'}
        given = {word.partition('=')[0] for word in arguments}
        chosen = {f'--{name}': value for name, value in options.items()}
        return [
            word
            for name, value in chosen.items()
            if name not in given
            for word in (name, value)
        ]


def _ours(arguments: list[str]) -> None:
    code: Any = None
    try:
        main(arguments)
    except SystemExit as error:  # --version and --help leave
        code = error.code
    assert not code, f'exit status {code}'


@contextlib.contextmanager
def short_training() -> Iterator[None]:
    """Make trainings of Python code short."""
    defaults = KTexturesSegmenter.__init__.__kwdefaults__
    trainer = partial(lightning.pytorch.Trainer, limit_train_batches=2)
    with (
        mock.patch.dict(defaults, max_steps=1),
        mock.patch('lightning.pytorch.Trainer', trainer),
    ):
        yield


@contextlib.contextmanager
def _only_parsing() -> Iterator[None]:
    """Stop once arguments were parsed."""
    classes: list[Any] = [argparse.ArgumentParser, jsonargparse.ArgumentParser]

    def stop_after(parse: Any) -> Any:
        def parse_args(self: Any, *args: Any, **kwargs: Any) -> None:
            # Without arguments, those of the process.
            parse(self, *args, **kwargs)
            raise Parsed

        return parse_args

    with contextlib.ExitStack() as stack:
        for cls in classes:
            new = stop_after(cls.parse_args)
            stack.enter_context(mock.patch.object(cls, 'parse_args', new))
        try:
            yield
        except Parsed:
            return
        raise AssertionError('no arguments were parsed')


def run_page(page: Path) -> int:
    """Run the blocks of a page in the current folder, one after the other.

    Python code knows an ``image`` of shape (4, 96, 96).

    Returns:
        Number of blocks that were run, or of which the arguments were parsed.
    """
    shell, count = Shell(), 0
    image = np.random.default_rng(0).normal(size=(4, 96, 96))
    names = {'__name__': 'page', 'image': image}
    for block in blocks_of(page):
        count += 1
        try:
            if block.language == 'console':
                for command in block.commands():
                    shell.run(command, parse_only=block.not_run is not None)
            elif block.language == 'python':
                code = compile(block.text, block.place, 'exec')
                if block.not_run is None:
                    with contextlib.redirect_stdout(io.StringIO()), short_training():
                        exec(code, names)  # noqa: S102
            elif block.language == 'yaml':
                yaml.safe_load(block.text)
            else:
                known = block.language in ('text', 'markdown')
                known |= block.language == 'bash' and block.not_run is not None
                assert known or block.language.startswith('{'), block.language
                count -= 1
        except Exception as error:
            error.add_note(f'in {block.place}: {block.text}')
            raise
    return count
