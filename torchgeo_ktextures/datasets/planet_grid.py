# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The grid and the names of Planet basemap quads."""

import math
import re
from pathlib import Path
from typing import NamedTuple

import pandas as pd

#: Half the width of the world in web Mercator (EPSG:3857), in metres.
HALF_WORLD = math.pi * 6378137.0

#: A quad of zoom level 15 is 16 x 16 tiles of 256 pixels.
ZOOM = 15
TILES_PER_QUAD = 16

#: Name of the file of a quad.
QUAD_NAME = r"""(?xi)
    ^(?:L(?P<zoom>\d{1,2})-)?
    (?P<x>\d{1,4})E?-(?P<y>\d{1,4})N?
    (?:_quad)?
    \.tiff?$
"""
_MONTHS = re.compile(
    r'(?<!\d)(?P<start>\d{4}[-_]\d{2})(?:[-_](?P<stop>\d{4}[-_]\d{2}))?(?!\d)'
)
_QUARTER = re.compile(
    r'(?<!\d)(?P<year>\d{4})[-_]?q(?P<quarter>[1-4])(?!\d)', re.IGNORECASE
)


class Quad(NamedTuple):
    """A quad of a basemap."""

    #: Number of the quad, from the west.
    x: int
    #: Number of the quad, from the south.
    y: int
    zoom: int = ZOOM

    @classmethod
    def from_name(cls, filename: str) -> 'Quad | None':
        """Find the quad in the name of a file.

        Args:
            filename: Name such as ``L15-0632E-1107N.tif``, ``632-1107.tiff`` or
                ``632-1107_quad.tif``.

        Returns:
            The quad, or None if it is not the name of a quad.
        """
        match = re.match(QUAD_NAME, filename)
        if match is None:
            return None
        return cls(int(match['x']), int(match['y']), int(match['zoom'] or ZOOM))

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right and top in EPSG:3857, in metres."""
        side = 2 * HALF_WORLD * TILES_PER_QUAD / 2**self.zoom
        left, bottom = self.x * side - HALF_WORLD, self.y * side - HALF_WORLD
        return left, bottom, left + side, bottom + side


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
