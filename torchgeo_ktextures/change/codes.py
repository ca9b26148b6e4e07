# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Codes, names and colours of changes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .comparison import Codes
from .rules import UNKNOWN

type Color = tuple[int, int, int]

#: Code of what has not changed, and its colour.
NO_CHANGE, _STILL = 0, (236, 236, 232)

#: Colour of what is unknown.
_UNKNOWN_COLOR = (150, 150, 150)

#: Colours of low and high numbers, as of dates: those of viridis at 0, 1/4, ..., 1.
#: https://doi.org/10.1371/journal.pone.0199239
_RAMP = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))


@dataclass(frozen=True)
class ChangeCodes:
    """Codes of changes from one of k classes to another, *1 + from * k + to*.

    Code 0 is no change, and the one after all others is unknown: fewer than two dates
    have a class. Pixels that have none at any date are nodata.
    """

    #: Names of the classes.
    names: Sequence[str]
    #: Their colours, red, green and blue, 0 to 255.
    colors: Sequence[Color]

    @property
    def unknown(self) -> int:
        """Code of what is unknown."""
        return len(self.names) ** 2 + 1

    @property
    def dtype(self) -> str:
        """Data type of the map, the largest value of which is nodata."""
        return 'uint8' if self.unknown < 255 else 'uint16'

    @property
    def nodata(self) -> int:
        """Value of pixels without a class at any date."""
        return int(np.iinfo(self.dtype).max)

    def code(self, start: int, end: int) -> int:
        """Code of a change.

        Args:
            start: Number of the class before it.
            end: Number of the class after it.

        Returns:
            The code.
        """
        return NO_CHANGE if start == end else 1 + start * len(self.names) + end

    def legend(self) -> tuple[list[str], list[Color]]:
        """Names and colours of all codes.

        A change has the colour of the class that came, mixed with some of the one that
        went.

        Returns:
            Both in the order of the codes.
        """
        names, colors = ['no change'], [_STILL]
        for before, went in zip(self.names, self.colors, strict=True):
            for after, came in zip(self.names, self.colors, strict=True):
                names.append(f'{before} to {after}')
                colors.append(_mix(went, came, 0.7))
        return [*names, 'unknown'], [*colors, _UNKNOWN_COLOR]

    def encode(self, start: Codes, end: Codes, seen: Codes) -> npt.NDArray[np.integer]:
        """Find the codes of pixels.

        Args:
            start: Classes before, of any shape.
            end: Classes after.
            seen: Numbers of dates that are known.

        Returns:
            Codes of the same shape.
        """
        codes = 1 + start.astype(np.int64) * len(self.names) + end
        codes[start == end] = NO_CHANGE
        codes[seen < 2] = self.unknown
        codes[seen == 0] = self.nodata
        return codes.astype(self.dtype)


def mark_unknown(values: Codes, seen: Codes, unknown: int) -> Codes:
    """Mark what is unknown in dates, or numbers of changes.

    Args:
        values: Numbers of any shape.
        seen: Numbers of dates that are known.
        unknown: Code of what is unknown.

    Returns:
        Numbers of the same shape, 255 where there is no class at any date.
    """
    marked = np.where(seen < 2, unknown, values)
    found: Codes = np.where(seen == 0, UNKNOWN, marked).astype(np.uint8)
    return found


def ramp(count: int) -> list[Color]:
    """Colours of numbers in order.

    Args:
        count: Number of colours.

    Returns:
        Red, green and blue of each, from dark to bright.
    """
    places = np.linspace(0, len(_RAMP) - 1, max(count, 2))[:count]
    table = np.array(_RAMP)
    channels = [np.interp(places, range(len(_RAMP)), table[:, i]) for i in range(3)]
    return [(round(r), round(g), round(b)) for r, g, b in zip(*channels, strict=True)]


def numbered_legend(names: Sequence[str]) -> tuple[list[str], list[Color]]:
    """Names and colours of a map of dates, or of numbers of changes.

    Args:
        names: Names of the numbers from 1.

    Returns:
        Those of 0, of the numbers and of what is unknown.
    """
    return ['no change', *names, 'unknown'], [
        _STILL,
        *ramp(len(names)),
        _UNKNOWN_COLOR,
    ]


def _mix(one: Color, two: Color, share: float) -> Color:
    red, green, blue = (
        round((1 - share) * a + share * b) for a, b in zip(one, two, strict=True)
    )
    return red, green, blue
