# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""True ground area of pixels."""

import numpy as np
import numpy.typing as npt
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError
from rasterio.transform import Affine

type Area = npt.NDArray[np.float64]


def pixel_area_ha(
    crs: object, transform: Affine, rows: npt.ArrayLike, cols: npt.ArrayLike
) -> Area | None:
    """Area of pixels on the ellipsoid, whatever the projection.

    Corners of pixels are projected to an equal-area projection around the pixels, in
    which their area is that of a quadrilateral. So pixels of a geographic grid, or of
    Web Mercator, are as large as they are on the ground.

    Args:
        crs: Coordinate reference system, of rasterio or anything that pyproj takes.
        transform: Affine transform of the grid.
        rows: Row numbers of the pixels.
        cols: Column numbers of the pixels, broadcast with *rows*.

    Returns:
        Hectares, of the shape of *rows* and *cols* broadcast (zero for pixels that are
        not on the Earth), or None without a coordinate reference system on the Earth.
    """
    if crs is None:
        return None
    try:
        grid = CRS.from_user_input(crs)
        lonlat = grid.geodetic_crs
        if lonlat is None:
            return None
        to_lonlat = Transformer.from_crs(grid, lonlat, always_xy=True)
    except (CRSError, ProjError):
        return None
    row, col = np.broadcast_arrays(
        np.asarray(rows, np.float64), np.asarray(cols, np.float64)
    )
    down = np.stack([row, row, row + 1, row + 1])
    right = np.stack([col, col + 1, col + 1, col])
    x = transform.a * right + transform.b * down + transform.c
    y = transform.d * right + transform.e * down + transform.f
    lon, lat = to_lonlat.transform(x, y)
    if lonlat.ellipsoid is None or not np.isfinite(lon).any():
        return np.zeros(row.shape)
    # Parallels are straight lines only in the first, poles are points in the second.
    kind = 'cea' if grid.is_geographic else 'laea'
    here = np.isfinite(lon) & np.isfinite(lat)
    middle = f'+lon_0={lon[here].flat[here.sum() // 2]}'
    if kind == 'laea':
        middle += f' +lat_0={lat[here].flat[here.sum() // 2]}'
    a, b = lonlat.ellipsoid.semi_major_metre, lonlat.ellipsoid.semi_minor_metre
    equal_area = CRS.from_proj4(f'+proj={kind} {middle} +a={a} +b={b} +units=m')
    to_plane = Transformer.from_crs(equal_area.geodetic_crs, equal_area, always_xy=True)
    x, y = to_plane.transform(lon, lat)
    # Half the product of the diagonals.
    area = (x[2] - x[0]) * (y[3] - y[1]) - (x[3] - x[1]) * (y[2] - y[0])
    hectares: Area = np.where(np.isfinite(area), abs(area) / 2 / 10_000, 0)
    return hectares


def ground_sample_distance(
    crs: object, transform: Affine | None, height: int, width: int
) -> float | None:
    """Width of the pixels in the middle of a raster, on the ground.

    Args:
        crs: Coordinate reference system.
        transform: Affine transform of the grid, if there is one.
        height: Height of the raster in pixels.
        width: Width of the raster in pixels.

    Returns:
        Metres, the root of the area of a pixel, or None without georeference.
    """
    if transform is None or transform.is_identity:
        return None
    area = pixel_area_ha(crs, transform, height / 2, width / 2)
    return None if area is None or not float(area) > 0 else 100 * float(area) ** 0.5


def class_areas_ha(
    labels: npt.NDArray[np.integer],
    crs: object,
    transform: Affine,
    row: int = 0,
    col: int = 0,
    num_classes: int = 256,
) -> Area | None:
    """Area of each class in a part of a map.

    All pixels of a row count as large as the one in the middle: exact on geographic and
    Mercator grids, and nearly so on others, where areas change linearly along a row.

    Args:
        labels: Classes of shape ``(H, W)``; others than 0..num_classes-1 are left out.
        crs: Coordinate reference system.
        transform: Affine transform of the whole map.
        row: First row of the part.
        col: First column of the part.
        num_classes: Number of classes.

    Returns:
        Hectares of shape ``(num_classes,)``, or None without a coordinate reference
        system.
    """
    height, width = labels.shape
    per_row = pixel_area_ha(
        crs, transform, np.arange(row, row + height), col + (width - 1) / 2
    )
    if per_row is None:
        return None
    keep = (labels >= 0) & (labels < num_classes)
    weights = np.broadcast_to(per_row[:, None], labels.shape)[keep]
    areas: Area = np.bincount(
        labels[keep].astype(np.int64), weights, minlength=num_classes
    )
    return areas
