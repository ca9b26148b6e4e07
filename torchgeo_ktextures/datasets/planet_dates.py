# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The time of Planet basemaps, in their names."""

import re
from pathlib import Path

import pandas as pd

_MONTHS = re.compile(
    r'(?<!\d)(?P<start>\d{4}[-_]\d{2})(?:[-_](?P<stop>\d{4}[-_]\d{2}))?(?!\d)'
)
_QUARTER = re.compile(
    r'(?<!\d)(?P<year>\d{4})[-_]?q(?P<quarter>[1-4])(?!\d)', re.IGNORECASE
)


def mosaic_dates(name: str) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """Find the time a mosaic covers in its name.

    Args:
        name: Name such as ``planet_medres_normalized_analytic_2021-06_mosaic``,
            ``planet_medres_normalized_analytic_2016-06_2016-11_mosaic``,
            ``global_monthly_2020_01_mosaic`` or ``global_quarterly_2020q1_mosaic``.

    Returns:
        First and last microsecond, or None if there is no date in the name.
    """
    if match := _MONTHS.search(name):
        start = match['start'].replace('_', '-')
        stop = (match['stop'] or start).replace('_', '-')
    elif match := _QUARTER.search(name):
        last = 3 * int(match['quarter'])
        start, stop = (f'{match["year"]}-{month:02}' for month in (last - 2, last))
    else:
        return None
    try:
        first, end = pd.Timestamp(start), pd.Timestamp(stop)
    except ValueError:
        return None
    if end < first:
        return None
    return first, end + pd.offsets.MonthBegin(1) - pd.Timedelta(microseconds=1)


def folder_dates(filepath: str) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """Find the time of a quad in the names of the two folders it is in.

    Args:
        filepath: Path of the quad.

    Returns:
        First and last microsecond, or None.
    """
    for folder in list(Path(filepath).absolute().parents)[:2]:
        dates = mosaic_dates(folder.name)
        if dates is not None:
            return dates
    return None
