# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Where arrays of xarray are: their coordinates as the grid of a raster."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyproj
from pyproj.exceptions import CRSError
from rasterio.crs import CRS
from rasterio.transform import Affine

#: Largest difference of the steps of coordinates of one grid, in pixels.
_EVEN = 0.01

#: Units of coordinates that are degrees.
#: https://cfconventions.org/Data/cf-conventions/cf-conventions-1.11/cf-conventions.html
_DEGREES = ('degree', 'degrees', 'degrees_north', 'degrees_east', 'degree_north')
_LATITUDES = ('lat', 'latitude')


class ArrayGrid(NamedTuple):
    """Grid of a plane of an array, rows from north to south."""

    crs: CRS | None
    #: None if coordinates tell no grid.
    transform: Affine | None
    #: Whether rows of the array go from south to north.
    flipped: bool


def grid_of_plane(plane: Any) -> ArrayGrid:
    """Find the grid of one band.

    Args:
        plane: Array of xarray of rows and columns.

    Returns:
        The grid, as far as coordinates and attributes tell it.
    """
    mapping = _mapping_of(plane)
    # Where nobody wrote a coordinate, xarray gives numbers of rows and columns.
    known = [dim for dim in plane.dims if dim in plane.coords]
    y, x = (_steps(plane[dim]) if dim in known else None for dim in plane.dims)
    transform, flipped = None, False
    if x is not None and y is not None:
        flipped = y[1] > 0
        top = y[0] + (plane.shape[0] - 1) * y[1] if flipped else y[0]
        height = abs(y[1])
        transform = Affine(x[1], 0, x[0] - x[1] / 2, 0, -height, top + height / 2)
    elif 'GeoTransform' in mapping:  # of GDAL, where nobody wrote coordinates
        numbers = [float(n) for n in str(mapping['GeoTransform']).split()]
        transform = Affine.from_gdal(*numbers)
    return ArrayGrid(_crs_of(plane, mapping), transform, flipped)


def _steps(coordinate: Any) -> tuple[float, float] | None:
    """First value and step of a coordinate of even steps."""
    if coordinate.ndim != 1 or coordinate.dtype.kind not in 'iuf':
        return None
    values: npt.NDArray[np.float64] = coordinate.values.astype(float)
    if len(values) < 2:
        return None
    step = (values[-1] - values[0]) / (len(values) - 1)
    even = values[0] + step * np.arange(len(values))
    if step == 0 or not (abs(values - even) <= _EVEN * abs(step)).all():
        return None
    return float(values[0]), float(step)


def _mapping_of(plane: Any) -> Mapping[str, Any]:
    """Attributes of the variable that tells the coordinate reference system."""
    name = plane.encoding.get('grid_mapping', plane.attrs.get('grid_mapping'))
    names = [str(name).split(':')[0].strip(), 'spatial_ref', 'crs']
    for candidate in names:
        if candidate in plane.coords:
            attributes: Mapping[str, Any] = plane.coords[candidate].attrs
            return attributes
    return {}


def _crs_of(plane: Any, mapping: Mapping[str, Any]) -> CRS | None:
    given = [mapping.get('crs_wkt'), mapping.get('spatial_ref'), plane.attrs.get('crs')]
    for text in filter(None, given):
        try:
            return CRS.from_user_input(pyproj.CRS.from_user_input(text).to_wkt())
        except CRSError:
            continue
    if 'grid_mapping_name' in mapping:
        try:
            return CRS.from_wkt(pyproj.CRS.from_cf(dict(mapping)).to_wkt())
        except (CRSError, KeyError):
            return None
    y = plane[plane.dims[0]]
    if y.name in plane.coords and (
        str(y.attrs.get('units')) in _DEGREES or str(y.name).lower() in _LATITUDES
    ):
        return CRS.from_epsg(4326)
    return None
