# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The grid of Planet basemap quads, and the names of their files."""

import math
import re
from typing import NamedTuple

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
