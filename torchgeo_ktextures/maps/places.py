# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Places of a map that are to be labelled, as a GeoPackage for QGIS."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
from rasterio.io import DatasetReader

from .output import complete_file
from .point_files import read_named_points
from .qgis_classes import add_style
from .qgis_style import point_style

#: Layer of the points.
LAYER = 'points'


@dataclass(frozen=True)
class Places:
    """Pixels to label, best first."""

    rows: npt.NDArray[np.int64]
    cols: npt.NDArray[np.int64]
    #: Further columns by name, of the length of the rows.
    columns: dict[str, npt.NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of places."""
        return len(self.rows)

    def coordinates(self, src: DatasetReader) -> tuple[npt.NDArray[np.float64], ...]:
        """Centres of the pixels.

        Args:
            src: Open raster of the pixels.

        Returns:
            x and y in its coordinate reference system.
        """
        t = src.transform
        col, row = self.cols + 0.5, self.rows + 0.5
        return t.a * col + t.b * row + t.c, t.d * col + t.e * row + t.f


def as_frame(places: Places, src: DatasetReader) -> gpd.GeoDataFrame:
    """Make a table of places with an empty column for the class.

    Args:
        places: Places.
        src: Open raster of the pixels.

    Returns:
        Table with ``order`` from 1, the columns of the places, and ``class``.
    """
    columns: dict[str, Any] = {'order': np.arange(1, len(places) + 1)}
    columns |= places.columns | {'class': np.full(len(places), '', object)}
    x, y = places.coordinates(src)
    return gpd.GeoDataFrame(columns, geometry=gpd.points_from_xy(x, y), crs=src.crs)


def check_places(path: Path) -> None:
    """Check that a file can be written without losing work.

    Args:
        path: GeoPackage to write.

    Raises:
        ValueError: If it is not called .gpkg, someone has filled in classes, or it is
            another file.
    """
    if path.suffix.lower() != '.gpkg':
        msg = f'output={str(path)!r} is to be a GeoPackage; give it a name that ends '
        raise ValueError(f'{msg}in .gpkg')
    if not path.exists():
        return
    try:
        found = read_named_points(path, 'class')
    except (OSError, ValueError):
        msg = f'{path} is there already and is not a file of points to label; choose '
        raise ValueError(f'{msg}another name') from None
    if found.texts:
        msg = (
            f'{path} has classes of {len(found.texts)} of {found.total} points, which '
        )
        msg += 'would be lost; give it with --points, and choose another output'
        raise ValueError(msg)


def write_places(path: Path, frame: gpd.GeoDataFrame, names: Sequence[str]) -> None:
    """Write places as a GeoPackage that QGIS opens with labels and a form.

    Args:
        path: GeoPackage to write.
        frame: Table of places, see :func:`as_frame`.
        names: Classes to choose from; with none, any text can be typed.

    Raises:
        OSError: If the file cannot be written.
    """
    with complete_file(path, '.gpkg') as temporary:
        frame.to_file(temporary, layer=LAYER, driver='GPKG')
        add_style(temporary, LAYER, point_style(names), 'Places to label')
