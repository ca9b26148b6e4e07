# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Dates in names of files."""

import re
from collections.abc import Sequence
from pathlib import Path

#: Year and month, and a day if there is one, as in 20200604, 2020-06 or 2020_06.
_DATE = re.compile(
    r'(?<!\d)((?:19|20)\d\d)([-_.]?)(0[1-9]|1[0-2])(?:\2(0[1-9]|[12]\d|3[01]))?(?!\d)'
)


#: What names of maps add to those of scenes.
_END = re.compile('_(labels|classes)$')


def date_in(name: str) -> str | None:
    """Find a date in a name.

    Args:
        name: Name of a file.

    Returns:
        The last date in it, as ``2020-06-04`` or ``2020-06``, or None.

    Example:
        >>> date_in('global_monthly_2020_06_mosaic')
        '2020-06'
        >>> date_in('m_4709963_se_14_1_20090818_labels')
        '2009-08-18'
    """
    found = [match for match in _DATE.finditer(name)]
    if not found:
        return None
    year, _, month, day = found[-1].groups()
    return '-'.join(part for part in (year, month, day) if part)


def name_dates(paths: Sequence[Path]) -> list[str]:
    """Name maps by their dates.

    Args:
        paths: Maps.

    Returns:
        Dates in their names or in those of their folders, if these tell all of them
        apart, else the names of the files or, where these are alike, the paths.
    """
    stems = [_END.sub('', path.stem) for path in paths]
    folders = [path.absolute().parent.name for path in paths]
    for names in ([date_in(s) for s in stems], [date_in(f) for f in folders]):
        known = [name for name in names if name is not None]
        if len(set(known)) == len(paths):
            return known
    return stems if len(set(stems)) == len(paths) else [str(path) for path in paths]


def is_ordered(names: Sequence[str]) -> bool:
    """Whether dates are in order.

    Args:
        names: Names of maps.

    Returns:
        False if all are dates, and a later one comes before an earlier one.
    """
    return any(date_in(name) != name for name in names) or sorted(names) == [*names]
