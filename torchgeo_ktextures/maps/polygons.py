# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Polygons of the classes of a map."""

from collections.abc import Iterator, Sequence
from itertools import batched
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from rasterio.features import rasterize, shapes
from rasterio.io import DatasetReader
from rasterio.transform import Affine
from rasterio.windows import Window

from .area import pixel_area_ha
from .cleaning import NO_CONFIDENCE
from .output import complete_file
from .qgis_classes import add_style, vector_style
from .reading import map_colors, nodata_of, read_part

#: Number of polygons that are in memory at once.
_BATCH = 20_000


def write_polygons(
    src: DatasetReader,
    names: Sequence[str],
    output: Path,
    confidence: DatasetReader | None = None,
) -> int:
    """Write the patches of a map as a GeoPackage.

    Patches are connected by edges. Each has the code and the name of its class, its
    area on the ground in hectares and, if there is a raster of it, the mean confidence
    of its pixels in percent. Edges are those of pixels: the polygons cover exactly the
    pixels with a class, and no pixel twice.

    Args:
        src: Open map with a coordinate reference system.
        names: Names of its classes in the order of their codes.
        output: GeoPackage to write, with a layer ``polygons`` and a style of QGIS in
            the colours of the map.
        confidence: Open raster of the confidence on the same grid.

    Returns:
        Number of polygons.

    Raises:
        OSError: If the file cannot be written.
    """
    count = 0
    used: set[int] = set()
    with complete_file(output, '.gpkg') as temporary:
        for batch in batched(_patches(src), _BATCH):
            frame = _describe(batch, src, names, confidence)
            frame.to_file(
                temporary, layer='polygons', driver='GPKG', mode='a' if count else 'w'
            )
            count += len(frame)
            used.update(frame['code'].unique().tolist())
        if count:
            codes = sorted(used)
            classes = zip(codes, [names[i] for i in codes], map_colors(src, codes))
            style = vector_style(classes, 'fill')
            add_style(temporary, 'polygons', style, 'Classes of a map')
    return count


def _patches(src: DatasetReader) -> Iterator[tuple[Any, int]]:
    nodata = nodata_of(src)
    for shape, value in shapes(rasterio.band(src, 1), transform=src.transform):
        if int(value) != nodata:
            yield shapely.geometry.shape(shape), int(value)


def _describe(
    batch: tuple[tuple[Any, int], ...],
    src: DatasetReader,
    names: Sequence[str],
    confidence: DatasetReader | None,
) -> gpd.GeoDataFrame:
    geometries = np.array([shape for shape, _ in batch], object)
    codes = np.array([code for _, code in batch])
    areas = np.zeros(len(batch))
    sums, pixels = np.zeros(len(batch)), np.zeros(len(batch))
    # In pixels, whose corners are whole numbers on grids that are turned as well.
    t = ~src.transform
    patches = shapely.transform(
        geometries,
        lambda x, y: (
            np.rint(t.a * x + t.b * y + t.c),
            np.rint(t.d * x + t.e * y + t.f),
        ),
        interleaved=False,
    )
    left, first, right, last = (int(v) for v in shapely.total_bounds(patches))
    rows = max(1, 2**22 // (right - left))
    for top in range(first, last, rows):
        height = min(rows, last - top)
        window = Window(left, top, right - left, height)
        # Numbers of patches from 1; pixels of none are 0.
        ids = rasterize(
            zip(patches, range(1, len(batch) + 1), strict=True),
            out_shape=(height, right - left),
            transform=Affine.translation(left, top),
            dtype='int32',
        )
        per_row = pixel_area_ha(
            src.crs,
            src.transform,
            np.arange(top, top + height),
            left + (right - left - 1) / 2,
        )
        if per_row is not None:
            weights = np.broadcast_to(per_row[:, None], ids.shape).ravel()
            areas += np.bincount(ids.ravel(), weights, len(batch) + 1)[1:]
        if confidence is not None:
            values = read_part(confidence, window)
            known = values != NO_CONFIDENCE
            sums += np.bincount(ids[known], values[known], len(batch) + 1)[1:]
            pixels += np.bincount(ids[known], minlength=len(batch) + 1)[1:]
    columns: dict[str, Any] = {
        'code': codes,
        'class': [names[code] for code in codes],
        'area_ha': areas,
    }
    if confidence is not None:
        with np.errstate(invalid='ignore'):
            columns['confidence'] = sums / pixels
    return gpd.GeoDataFrame(columns, geometry=geometries, crs=src.crs)
