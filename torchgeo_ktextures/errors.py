# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Messages of errors of other libraries, within ours."""

from collections.abc import Sequence


def first_line(error: BaseException) -> str:
    """First line of the message of an error that is not empty.

    Args:
        error: Error.

    Returns:
        The line, or the name of the error's type if it has no message.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def some_of(names: Sequence[str], most: int = 3) -> str:
    """Name the first of many, and say how many more there are.

    Args:
        names: Names.
        most: Number of names that are shown, at most.

    Returns:
        Text such as ``a.tif, b.tif, c.tif and 4 more``.
    """
    rest = len(names) - most
    return ', '.join(names[:most]) + (f' and {rest} more' if rest > 0 else '')


class UnreadableError(OSError, ValueError):
    """Raised when a file cannot be read, or is not what it is taken for."""


class DataWarning(UserWarning):
    """Something about the data that a user should know of."""
