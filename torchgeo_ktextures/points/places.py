# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Points as users give them, as pixels of images."""

import os
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt

from ..datamodules.inputs import Inputs
from ..datasets import PixelWindow, open_raster
from ..maps.naming import pixels_at
from .reading import windows_in

_Points = npt.NDArray[np.int64]


def as_pixels(points: Any, inputs: Inputs) -> _Points:
    """Bring points to pixels.

    Args:
        points: Image, row and column of each, of shape ``(N, 3)``, or a GeoDataFrame or
            GeoSeries of points, if images are rasters.
        inputs: Images, of which the data module is set up to predict.

    Returns:
        Image, row and column of each point, of shape ``(N, 3)``.

    Raises:
        TypeError: If points are something else, or images are no rasters.
        ValueError: If a point is outside of all images, or points have no CRS.
    """
    dataset = windows_in(inputs)
    if isinstance(points, gpd.GeoDataFrame | gpd.GeoSeries):
        return _from_geometry(points.geometry, inputs)
    found = np.asarray(points)
    if found.ndim != 2 or found.shape[1] != 3 or found.dtype.kind not in 'iu':
        msg = f'points are {type(points).__name__} of shape {found.shape} and type '
        msg += f'{found.dtype}; give whole numbers of shape (N, 3): image, row and '
        raise TypeError(f'{msg}column of each, or a GeoDataFrame')
    found = found.astype(np.int64)
    for number, (file, row, col) in enumerate(found.tolist()):
        if not 0 <= file < len(dataset.shapes):
            msg = f'point {number} is in image {file}, but there are '
            raise ValueError(f'{msg}{len(dataset.shapes)} images, numbered from 0')
        height, width = dataset.shapes[file]
        if not (0 <= row < height and 0 <= col < width):
            msg = f'point {number} is at row {row}, column {col}, outside of image '
            msg += f'{file} of {height} x {width} pixels; leave it out'
            raise ValueError(msg)
    return found


def _from_geometry(points: gpd.GeoSeries, inputs: Inputs) -> _Points:
    """Pixels of points with coordinates, of the first raster that each is in."""
    if inputs.wraps is not None:
        msg = 'points have coordinates, but images are arrays; give paths of rasters, '
        raise TypeError(f'{msg}or points as image, row and column')
    if points.crs is None:
        msg = 'points have no coordinate reference system; set it with set_crs'
        raise ValueError(msg)
    if not (points.geom_type == 'Point').all() or points.is_empty.any():
        msg = 'points hold something else than single points; use their centroids'
        raise ValueError(msg)
    found = np.full((len(points), 3), -1, np.int64)
    for file, path in enumerate(windows_in(inputs).files):
        with open_raster(os.fspath(path)) as src:
            if src.crs is None:
                msg = f'{path} has no coordinate reference system, so that points have '
                raise ValueError(f'{msg}no place in it; give them as rows and columns')
            here = points.to_crs(src.crs)
            rows, cols, inside = pixels_at(src, here.x.to_numpy(), here.y.to_numpy())
        new = inside & (found[:, 0] < 0)
        found[new] = np.column_stack([rows * 0 + file, rows, cols])[new]
    outside = np.flatnonzero(found[:, 0] < 0)
    if len(outside):
        point = points.iloc[int(outside[0])]
        msg = f'{len(outside)} of {len(points)} points are outside of all images, such '
        msg += f'as that at {point.x:g}, {point.y:g}; leave them out, or check the '
        raise ValueError(f'{msg}coordinate reference system')
    return found


def check_valid(points: _Points, inputs: Inputs) -> None:
    """Check that points are on valid pixels.

    Args:
        points: Image, row and column of each, of shape ``(N, 3)``.
        inputs: Images, of which the data module is set up to predict.

    Raises:
        ValueError: If a point is in nodata.
    """
    dataset = windows_in(inputs)
    for number, (file, row, col) in enumerate(points.tolist()):
        pixel = dataset[PixelWindow(file, row, col, 1, 1, row, col, 1, 1)]
        if not pixel['mask_valid'].all():
            msg = f'point {number} at row {row}, column {col} of image {file} is in '
            raise ValueError(f'{msg}nodata; move it to a valid pixel, or leave it out')
