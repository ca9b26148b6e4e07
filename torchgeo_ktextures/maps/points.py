# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Points of the classes of a map."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
from rasterio.io import DatasetReader

from .blocks import SPLITS, Blocks
from .cleaning import NO_CONFIDENCE
from .output import complete_file
from .qgis_classes import add_style, vector_style
from .reading import map_colors, read_part, windows
from .scenes import Scene


def write_points(
    src: DatasetReader,
    names: Sequence[str],
    scene: Scene,
    output: Path,
    blocks: Blocks,
    confidence: DatasetReader | None = None,
    *,
    per_class: int = 200,
    seed: int = 0,
) -> dict[str, int]:
    """Write random points of each class as a GeoPackage.

    A point is the centre of a pixel, with the code and the name of its class, its
    split, the values of the bands and, if there is a raster of it, the confidence.
    Every pixel of a class is equally likely.

    Args:
        src: Open map.
        names: Names of its classes in the order of their codes.
        scene: Scene on the same grid.
        output: GeoPackage to write, with a layer ``points`` and a style of QGIS in the
            colours of the map.
        blocks: Split of the map.
        confidence: Open raster of the confidence on the same grid.
        per_class: Number of points per class, or all pixels where there are fewer.
        seed: Seed of the choice.

    Returns:
        Number of points of each class.

    Raises:
        OSError: If the file cannot be written.
    """
    rng = np.random.default_rng(seed)
    # Row, column and lot of the points of each class, and the values of bands there.
    drawn: list[npt.NDArray[np.float64]] = [
        np.empty((0, 4 + len(scene.indexes))) for _ in names
    ]
    for window in windows(src):
        labels = read_part(src, window)
        data, valid = scene.read(window)
        doubts = None if confidence is None else read_part(confidence, window)
        for code in np.unique(labels[valid & (labels < len(names))]):
            rows, cols = np.nonzero((labels == code) & valid)
            # The lowest lots of all win, whatever part of the map they are in.
            lots = rng.random(len(rows))
            keep = np.argsort(lots)[:per_class]
            rows, cols = rows[keep], cols[keep]
            sure = np.full(len(rows), np.nan)
            if doubts is not None:
                values = doubts[rows, cols]
                sure = np.where(values == NO_CONFIDENCE, np.nan, values)
            here = [rows + window.row_off, cols + window.col_off, lots[keep], sure]
            points = np.column_stack([*here, data[:, rows, cols].T])
            both = np.concatenate([drawn[code], points])
            drawn[code] = both[np.argsort(both[:, 2])[:per_class]]
    found = np.concatenate(drawn)
    codes = np.repeat(np.arange(len(names)), [len(points) for points in drawn])
    rows, cols = found[:, 0].astype(np.int64), found[:, 1].astype(np.int64)
    t = src.transform
    x = t.a * (cols + 0.5) + t.b * (rows + 0.5) + t.c
    y = t.d * (cols + 0.5) + t.e * (rows + 0.5) + t.f
    columns: dict[str, Any] = {
        'code': codes,
        'class': [names[int(code)] for code in codes],
        'split': [SPLITS[s] for s in blocks.split_of(rows, cols)],
    }
    if confidence is not None:
        columns['confidence'] = found[:, 3]
    for i, band in enumerate(scene.names):
        columns[band] = found[:, 4 + i]
    frame = gpd.GeoDataFrame(
        columns, geometry=gpd.points_from_xy(x, y), crs=src.crs
    ).sample(frac=1, random_state=seed)
    with complete_file(output, '.gpkg') as temporary:
        frame.to_file(temporary, layer='points', driver='GPKG')
        used = [i for i in range(len(names)) if len(drawn[i])]
        classes = zip(used, [names[i] for i in used], map_colors(src, used))
        style = vector_style(classes, 'marker')
        add_style(temporary, 'points', style, 'Points of the classes of a map')
    return {name: len(drawn[i]) for i, name in enumerate(names)}
