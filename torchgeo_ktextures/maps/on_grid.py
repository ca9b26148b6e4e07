# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Maps on the grid of another one."""

from collections.abc import Iterator
from contextlib import contextmanager

from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds

from .reading import check_same_grid, nodata_of


@contextmanager
def on_grid(
    src: DatasetReader, like: DatasetReader, is_scene: bool = False
) -> Iterator[DatasetReader]:
    """Read a label map, a map of its confidence or its scene on the grid of another map.

    Pixels of maps get the value of the nearest one, those of scenes are interpolated.
    Memory does not grow with the map.

    Args:
        src: Open map.
        like: Open map with the grid that is wanted.
        is_scene: Whether it is a scene. It is masked outside, by nodata or alpha.

    Yields:
        The map itself if it is on that grid, or what reads it there; nodata outside.

    Raises:
        ValueError: If one of them has no georeference and they differ in size, or they
            do not overlap.
    """
    try:
        check_same_grid(src, like)
    except ValueError as error:
        plain = [m.name for m in (src, like) if m.crs is None]
        if plain:
            msg = f'{error} (without georeference, as {plain[0]}, maps need the same '
            raise ValueError(f'{msg}pixels)') from None
        if not overlap(src, like):
            msg = f'{src.name} and {like.name} do not overlap; give maps of one place'
            raise ValueError(msg) from None
        if is_scene:
            resampling = Resampling.bilinear
            outside: dict[str, int] = {'add_alpha': src.nodata is None}
        else:
            resampling = Resampling.nearest
            outside = {'src_nodata': nodata_of(src), 'nodata': nodata_of(src)}
        with WarpedVRT(
            src,
            crs=like.crs,
            transform=like.transform,
            height=like.height,
            width=like.width,
            resampling=resampling,
            **outside,
        ) as warped:
            yield warped
    else:
        yield src


def overlap(one: DatasetReader, two: DatasetReader) -> bool:
    """Whether two rasters with georeference share some area.

    Args:
        one: Open raster.
        two: Open raster.

    Returns:
        False if their bounds do not overlap.
    """
    left, bottom, right, top = transform_bounds(one.crs, two.crs, *one.bounds)
    b = two.bounds
    across, along = left < b.right and b.left < right, bottom < b.top and b.bottom < top
    return bool(across and along)
