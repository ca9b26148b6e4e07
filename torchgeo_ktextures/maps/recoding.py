# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Writing a map with other codes."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from rasterio.io import DatasetReader

from .area import Area, class_areas_ha
from .reading import Labels, read_part, windows
from .writing import create_map

#: Tags that are not true of a map with other codes.
_CHANGED = ('KTEXTURES_ORIGIN', 'KTEXTURES_CLASSES', 'STATISTICS_')


def recode_map(
    src: DatasetReader,
    path: Path,
    table: Labels,
    nodata: int,
    size: int,
    tags: Mapping[str, str],
    band_tags: Mapping[str, str] | None = None,
    colors: Mapping[int, tuple[int, int, int, int]] | None = None,
    without: Sequence[str] = (),
) -> tuple[list[int], list[float] | None]:
    """Write a map with other codes, and count them. Memory does not grow with the map.

    Args:
        src: Open map.
        path: GeoTIFF to write.
        table: New code by code, for all that the type of the map has.
        nodata: New code of nodata.
        size: Number of new codes that are counted.
        tags: Tags of the new map, besides those that are true of it still.
        band_tags: Tags of its band, likewise.
        colors: Colours by new code (defaults to those of the map).
        without: Beginnings of further tags that are not true of it.

    Returns:
        Pixels and hectares by new code; None for hectares without georeference.
    """
    pixels = np.zeros(size, np.int64)
    areas: Area | None = np.zeros(size)
    placed = src.crs is not None and not src.transform.is_identity
    # It is read once: small enough, and fast.
    options = {'zlevel': 1, 'sparse_ok': True}
    with create_map(path, src, str(table.dtype), nodata, **options) as dst:
        for window in windows(src):
            part = table[read_part(src, window)]
            dst.write(part, 1, window=window)
            pixels += np.bincount(part.ravel(), minlength=size)[:size]
            here = None
            if placed:
                place = window.row_off, window.col_off, size
                here = class_areas_ha(part, src.crs, src.transform, *place)
            areas = None if areas is None or here is None else areas + here
        dst.set_band_description(1, src.descriptions[0] or 'class')
        changed = (*_CHANGED, *without)
        for own, more, band in ((src.tags(), tags, 0), (src.tags(1), band_tags, 1)):
            kept = {k: v for k, v in own.items() if not k.startswith(changed)}
            dst.update_tags(band, **kept | dict(more or {}))
        with suppress(ValueError):  # a copy without a colour table
            dst.write_colormap(1, src.colormap(1) if colors is None else dict(colors))
    return pixels.tolist(), None if areas is None else areas.tolist()
