# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What a user should know before changes are believed."""

import warnings
from collections.abc import Sequence

from ..errors import DataWarning
from .dates import is_ordered

#: Share of a scene from which on a difference is named a season: the most of it.
_MOST = 0.5


def warn_of_dates(
    dates: Sequence[str], known: Sequence[int], shares: Sequence[float]
) -> None:
    """Warn of dates without a class, out of order, or of another season.

    Args:
        dates: Names of the dates.
        known: Number of pixels with a class at each date.
        shares: Share of these that changed at each date, from the second on.

    Warns:
        DataWarning: If there are such dates.
    """
    for date, count in zip(dates, known, strict=True):
        if not count:
            msg = f'{date} has no pixel with a class here, so nothing is known of it; '
            warnings.warn(f'{msg}leave it out, or get its map', DataWarning, 3)
    if not is_ordered(dates):
        msg = f'the maps are compared in the order that they were given, {dates[0]} '
        msg += f'first and {dates[-1]} last, which is not that of their dates'
        warnings.warn(msg, DataWarning, 3)
    for sentence in season_sentences(dates, shares):
        warnings.warn(sentence, DataWarning, 3)


def season_sentences(dates: Sequence[str], shares: Sequence[float]) -> list[str]:
    """Say where most of a scene changes, which is rarely a change of the land.

    Args:
        dates: Names of the dates.
        shares: Share of what is known that changed at each date, from the second on.

    Returns:
        A sentence for each such date.
    """
    return [
        f'{share:.0%} of what is known changes from {old} to {new}: so much is the '
        'season, snow, or light and haze, rather than the land; compare dates of one '
        'season, bring them to one radiometry with segment --normalize relative, and '
        'give the scenes to change with --image'
        for old, new, share in zip(dates, dates[1:], shares, strict=False)
        if share > _MOST
    ]
