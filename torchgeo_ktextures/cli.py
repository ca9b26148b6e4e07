# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The torchgeo-ktextures command."""

import inspect
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from keyword import iskeyword
from typing import Any, NoReturn

from jsonargparse import ArgumentParser, Namespace

from . import __version__
from .commands.align import align
from .commands.assess import assess
from .commands.change import change
from .commands.classify import classify
from .commands.config import config
from .commands.export import export
from .commands.merge import merge
from .commands.options import join_lists
from .commands.picture import picture
from .commands.relabel import relabel
from .commands.segment import segment
from .commands.suggest import suggest
from .errors import DataWarning, first_line

#: Commands of TorchGeo that are passed on, and what they do.
_PASSED_ON = {
    'fit': 'Fit a model, as torchgeo fit does.',
    'validate': 'Validate a model, as torchgeo validate does.',
    'test': 'Test a model, as torchgeo test does.',
    'predict': 'Predict with a model, as torchgeo predict does.',
}

#: Our commands and what goes without a name.
_COMMANDS: dict[str, tuple[Callable[..., None], dict[str, str | None]]] = {
    'segment': (segment, {'scenes': '+'}),
    'merge': (merge, {'labels': None}),
    'suggest': (suggest, {'labels': None}),
    'classify': (classify, {'scenes': '+'}),
    'relabel': (relabel, {'labels': None}),
    'export': (export, {'labels': None}),
    'assess': (assess, {'labels': None}),
    'align': (align, {'reference': None, 'labels': None}),
    'change': (change, {'maps': '+'}),
    'picture': (picture, {'rasters': '+'}),
    'config': (config, {'name': '?'}),
}

#: Exit statuses: of failures, of arguments and input that do not fit, and, as in shells,
#: of programs that Ctrl-C ended.
_FAILED, _WRONG, _STOPPED = 1, 2, 130


class _Parser(ArgumentParser):
    """Parser that shows options as they are typed."""

    def format_help(self, *args: Any) -> str:
        """Show the help."""
        # Some versions of jsonargparse hand a formatter over.
        text: str = super().format_help(*args)
        return _dashes(text)

    def format_usage(self) -> str:
        """Show the usage."""
        text: str = super().format_usage()
        return _dashes(text)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Say in a sentence what is wrong with the arguments, and leave.

        Args:
            message: What the parser says.
            ex: Not used.

        Raises:
            SystemExit: Always.
        """
        key = re.search(r'Parser key "([\w.]+)"', message)
        given = re.search(r'G(?:iven|ot) value: (.*)', message)
        text = ' '.join(message.split()).rstrip('.')
        if key and given:
            text = f'--{key[1]} cannot be {given[1]!r}'
        prog = self.prog.replace(' [options]', '')
        print(f'{prog}: error: {_dashes(text)}; see {prog} --help', file=sys.stderr)
        sys.exit(_WRONG)


def _dashes(text: str) -> str:
    """Options with dashes instead of underscores."""
    return re.sub(r'--\w+', lambda m: m[0].rstrip('_').replace('_', '-'), text)


def make_parser() -> ArgumentParser:
    """Make the parser of the command.

    Returns:
        The parser.
    """
    parser = _Parser(
        prog='torchgeo-ktextures',
        description='Split satellite scenes into textures, without labels.',
    )
    parser.add_argument('--version', action='version', version=__version__)
    commands = parser.add_subcommands(dest='command', required=True)
    for name, (function, positional) in _COMMANDS.items():
        sub = _Parser()
        nested = function.__doc__ or ''
        sub.description = nested.split('Args:')[0].strip()
        for argument, count in positional.items():
            kwargs: dict[str, Any] = {'nargs': count} if count else {}
            sub.add_argument(argument, type=str, help=_help(nested, argument), **kwargs)
        switches = _switches(function)
        for switch in switches:
            text = _help(nested, switch)
            sub.add_argument(
                f'--{switch}',
                nargs='?',
                const=True,
                default=False,
                type=bool,
                help=text,
            )
        skipped: set[str | int] = {*positional, *switches}
        sub.add_function_arguments(function, as_group=False, skip=skipped)
        sub.add_argument(
            '--debug', action='store_true', help='Show where an error came from.'
        )
        summary = sub.description.splitlines()[0]
        commands.add_subcommand(name, sub, help=summary)
    for name, text in _PASSED_ON.items():
        commands.add_subcommand(name, _Parser(), help=text)
    return parser


def _switches(function: Callable[..., None]) -> list[str]:
    """Parameters that are off by default; their options may do without a value."""
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.default is False]


def _help(doc: str, argument: str) -> str:
    """Description of an argument in a docstring."""
    lines = doc.split('Args:')[1].splitlines()
    start = next(
        i for i, line in enumerate(lines) if line.strip().startswith(f'{argument}:')
    )
    found = [lines[start].split(':', 1)[1]]
    for line in lines[start + 1 :]:
        if not line.startswith(' ' * 12):
            break
        found.append(line)
    return ' '.join(part.strip() for part in found)


def main(args: Sequence[str] | None = None) -> None:
    """Run the command.

    Args:
        args: Arguments (defaults to those of the process).

    Raises:
        SystemExit: If the command fails (1), its arguments or input do not fit (2), or
            it is stopped (130).
    """
    given = list(sys.argv[1:] if args is None else args)
    _let_threads_rest()
    if given and given[0] in _PASSED_ON:
        _pass_on(args)
        return
    # jsonargparse names options as parameters; people type dashes.
    given = [_option(arg) for arg in join_lists(given)]
    parsed = make_parser().parse_args(given)
    values: Namespace = parsed[parsed.command]
    arguments = values.as_dict()
    debug = arguments.pop('debug')
    function, _ = _COMMANDS[parsed.command]
    unraisable = sys.unraisablehook
    # MiB of pixels that GDAL keeps; by default a twentieth of the memory, so that what
    # is needed would grow with the scene.
    os.environ.setdefault('GDAL_CACHEMAX', '128')
    try:
        with warnings.catch_warnings():
            if not debug:
                warnings.simplefilter('ignore')
            warnings.simplefilter('always', DataWarning)
            warnings.showwarning = _Warnings()
            if not debug:
                sys.unraisablehook = partial(_show_unraisable, unraisable)
            function(**arguments)
    except (Exception, KeyboardInterrupt, SystemExit) as error:
        if debug:
            raise
        _explain(error)
    finally:
        sys.unraisablehook = unraisable


def _show_unraisable(show: Callable[[Any], object], error: Any) -> None:
    """Show an error that nobody can handle, but for messages of GDAL that are no text.

    These come of damaged files; what cannot be read of them is said anyway.
    """
    if error.object != 'rasterio._env.log_error':
        show(error)


def _let_threads_rest() -> None:
    """Keep threads from spinning while they wait, unless the user decided otherwise.

    Threads of OpenMP that spin take the processor from other programs, and from each
    other. Only has an effect before torch is imported.
    """
    chosen = {'OMP_WAIT_POLICY', 'GOMP_SPINCOUNT', 'KMP_BLOCKTIME'} & set(os.environ)
    if not chosen:
        os.environ.update(OMP_WAIT_POLICY='passive', KMP_BLOCKTIME='0')


class _Warnings:
    """Shows each warning about the data once, in a line."""

    def __init__(self) -> None:
        """Begin without warnings."""
        self.shown: set[str] = set()

    def __call__(self, message: Warning | str, *args: Any, **kwargs: Any) -> None:
        """Show a warning.

        Args:
            message: The warning.
            *args: Category and place, which are not shown.
            **kwargs: Not used.
        """
        text = str(message)
        if text not in self.shown:
            self.shown.add(text)
            print(f'torchgeo-ktextures: warning: {text}', file=sys.stderr)


def _option(arg: str) -> str:
    if not arg.startswith('--') or arg == '--':
        return arg
    name, equals, value = arg.partition('=')
    name = name[2:].replace('-', '_')
    # Words of Python cannot name parameters.
    return '--' + name + '_' * iskeyword(name) + equals + value


def _explain(error: BaseException) -> None:
    """Say what went wrong in a sentence, and leave."""
    if isinstance(error, BrokenPipeError):
        # Whoever read the output, such as head, has seen enough; what Python still has
        # to print at its end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_FAILED)
    # Lightning leaves by itself after Ctrl-C.
    if isinstance(error, KeyboardInterrupt | SystemExit):
        message = 'Stopped. The same command goes on where it was stopped.'
        print(f'torchgeo-ktextures: {message}', file=sys.stderr)
        sys.exit(_STOPPED)
    message = first_line(error)
    wrong_input = isinstance(error, TypeError | ValueError)
    expected = wrong_input or isinstance(error, ImportError | MemoryError | OSError)
    if not expected or not _is_ours(error):
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f'{os.path.basename(where.filename)}:{where.lineno}'
        message = f'{type(error).__name__}: {message} (at {place}; --debug shows more)'
    print(f'torchgeo-ktextures: error: {message}', file=sys.stderr)
    failed = isinstance(error, OSError) or not wrong_input
    sys.exit(_FAILED if failed else _WRONG)


def _is_ours(error: BaseException) -> bool:
    """Whether a message was written here, or by the system, and not by a library."""
    frames = traceback.extract_tb(error.__traceback__)
    folder = os.path.dirname(os.path.abspath(__file__))
    ours = bool(frames) and os.path.abspath(frames[-1].filename).startswith(folder)
    return ours or (isinstance(error, OSError) and error.errno is not None)


def _pass_on(args: Sequence[str] | None) -> None:
    """Run a command of TorchGeo with our classes known by their short names."""
    from importlib import import_module

    for name in ('callbacks', 'datamodules', 'tasks'):
        package = import_module(f'torchgeo_ktextures.{name}')
        for exported in package.__all__:
            getattr(package, exported)  # loads it
    torchgeo = import_module('torchgeo.main')
    # Lightning warns of arguments that are handed over beside those of the process.
    torchgeo.main(args if args is None else list(args))


if __name__ == '__main__':
    main()
