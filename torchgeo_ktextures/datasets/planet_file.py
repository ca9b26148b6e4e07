# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""A file of Planet imagery."""

from dataclasses import dataclass

import pandas as pd
from rasterio.crs import CRS

from .reading import Grid


@dataclass
class PlanetFile:
    """A quad or a scene."""

    path: str
    #: Names of its bands, in file order.
    all_bands: tuple[str, ...]
    #: 1-based index of the alpha band, if there is one.
    alpha: int | None
    #: First and last moment it shows.
    dates: tuple[pd.Timestamp, pd.Timestamp]
    #: Name of what it belongs to on its date: a mosaic or a scene.
    name: str
    grid: Grid
    crs: CRS
    #: Mask of usable data beside the raster, if there is one.
    udm2: str | None = None
    #: 1-based indexes of the bands to return.
    indexes: tuple[int, ...] = ()
