# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Options as people type them."""

import os
import re
from collections.abc import Sequence

#: Options that take several values, however they are written.
LISTS = ('--bands', '--nodata')

#: Options that take several paths, with commas between or one after the other.
PATHS = ('--image',)

#: Numbers that the parser of the command line would take for options.
_NUMBER = re.compile(
    r'[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?(nan|inf|infinity)', re.IGNORECASE
)


def join_lists(args: Sequence[str]) -> list[str]:
    """Write options of several values in one way, ``--name=VALUE,VALUE``.

    Args:
        args: Arguments as they were typed, such as ``--nodata -3.4e38 0``,
            ``--bands 4,3,2,8`` or an option given twice.

    Returns:
        The arguments, these options last.
    """
    rest: list[str] = []
    found: dict[str, list[str]] = {}
    queue = list(args)
    while queue:
        arg = queue.pop(0)
        name, equals, value = arg.partition('=')
        name = name.replace('_', '-')
        if name not in LISTS + PATHS:
            rest.append(arg)
            continue
        values = [value] if equals else []
        if (
            not values
            and queue
            and (_NUMBER.fullmatch(queue[0]) or queue[0][:1] != '-')
        ):
            values.append(queue.pop(0))
        while values and not equals and queue and _NUMBER.fullmatch(queue[0]):
            values.append(queue.pop(0))
        if not values:
            rest.append(arg)  # the parser says that a value is missing
            continue
        if name in LISTS:
            values = [v.strip().strip('[]()') for v in values]
        found.setdefault(name, []).extend(values)
    return rest + [f'{name}={",".join(values)}' for name, values in found.items()]


def parse_bands(
    bands: str | Sequence[str | int] | None,
) -> list[str | int] | None:
    """Read names or 1-based numbers of bands.

    Args:
        bands: Text such as ``4,3,2,8`` or ``[red, green, blue]``, or a sequence.

    Returns:
        Names and numbers, or None.

    Raises:
        ValueError: If there is no band in the text.
    """
    if bands is None or not isinstance(bands, str):
        return None if bands is None else list(bands)
    parts = [part.strip().strip('\'"') for part in bands.strip('[]() ').split(',')]
    found: list[str | int] = [int(p) if p.isdecimal() else p for p in parts if p]
    if not found:
        msg = (
            f'bands={bands!r} names no band; give names or numbers, as --bands 4,3,2,8'
        )
        raise ValueError(msg)
    return found


def parse_paths(paths: str) -> list[str]:
    """Read paths.

    Args:
        paths: Paths with commas between, or one that has a comma in its name.

    Returns:
        Paths, with the home folder of the user in place of ``~``.
    """
    parts = [paths] if os.path.exists(paths) else paths.split(',')
    return [os.path.expanduser(part.strip()) for part in parts if part.strip()]


def parse_nodata(
    nodata: str | float | Sequence[float] | None,
) -> list[float] | None:
    """Read values that mean no data.

    Args:
        nodata: Text such as ``-9999`` or ``0,-3.4e38``, or numbers.

    Returns:
        Values, or None.

    Raises:
        ValueError: If something is not a number.
    """
    if nodata is None:
        return None
    if isinstance(nodata, int | float):
        return [float(nodata)]
    parts = nodata.strip('[]() ').split(',') if isinstance(nodata, str) else nodata
    try:
        return [float(part) for part in parts]
    except (TypeError, ValueError):
        msg = f'nodata={nodata!r} is not a number; give one or more, as --nodata '
        msg += '-9999,0, or leave it out for the values of the files'
        raise ValueError(msg) from None
