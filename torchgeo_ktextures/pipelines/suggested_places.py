# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Places to label that a model suggests, and the files they go to."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
from rasterio.io import DatasetReader

from ..maps.output import make_folder
from ..maps.places import Places, as_frame, write_places
from ..maps.reading import (
    open_labels,
    open_raster,
)
from ..maps.scenes import Scene, open_scene
from ..sources import short_name

if TYPE_CHECKING:
    from ..estimator import KTexturesSegmenter


def shown_scene(
    raster: DatasetReader,
    bands: Sequence[str | int] | None,
    nodata: Sequence[float] | None,
) -> Scene:
    """Choose red, green, blue and near infrared of a scene.

    Args:
        raster: Open raster.
        bands: Bands, if the user has chosen.
        nodata: Values that mean no data, besides those of the file.

    Returns:
        The scene.
    """
    from ..datasets import raster_bands

    return open_scene(raster, raster_bands(raster, bands), nodata)


def columns_of(found: Any) -> dict[str, npt.NDArray[Any]]:
    """Columns of suggestions of a model.

    Args:
        found: What :func:`~torchgeo_ktextures.points.suggest_points` returns.

    Returns:
        ``cluster``, ``confidence`` in percent and ``reason``.
    """
    return {
        'cluster': found.cluster,
        'confidence': (100 * found.confidence).round().astype(np.int64),
        'reason': np.array(found.reason, object),
    }


def say_fewer(found: int, count: int, why: str) -> None:
    """Say that there are fewer places than were asked for, if so.

    Args:
        found: Number of places.
        count: Number that was asked for.
        why: Why there are no more.

    Raises:
        ValueError: If there is none.
    """
    if not found:
        raise ValueError(f'there is no place to suggest: {why}; use a smoother map')
    if found < count:
        print(f'{found} places, fewer than the {count} that were asked for: {why}.')


def suggest_for_maps(
    segmenter: 'KTexturesSegmenter',
    scenes: Sequence[str],
    maps: Sequence[Path],
    count: int,
    output: Path,
) -> list[str]:
    """Suggest places to label in scenes that have just been segmented.

    Args:
        segmenter: Fitted estimator.
        scenes: Rasters.
        maps: Their maps.
        count: Number of places in all scenes together.
        output: GeoPackage to write, in the coordinate reference system of the first
            scene; a page of pictures goes beside it.

    Returns:
        What was written.

    Raises:
        OSError: If something cannot be written.
        ValueError: If a scene has no georeference.
    """
    from ..points import suggest_points

    found = suggest_points(segmenter, list(scenes), count)
    say_fewer(len(found.points), count, 'the scenes have no more places to suggest')
    columns = columns_of(found)
    report = output.with_suffix('.html')
    with ExitStack() as stack:
        frames: list[gpd.GeoDataFrame] = []
        shown = []
        for number, (scene, path) in enumerate(zip(scenes, maps, strict=True)):
            src = stack.enter_context(open_labels(path))
            raster = stack.enter_context(open_raster(scene))
            bands, nodata = segmenter.bands_, segmenter.nodata
            values = None if nodata is None else np.atleast_1d(nodata).tolist()
            shown.append(shown_scene(raster, bands, values))
            here = np.flatnonzero(found.points[:, 0] == number)
            own = {name: column[here] for name, column in columns.items()}
            places = Places(found.points[here, 1], found.points[here, 2], own)
            frame = as_frame(places, src)
            frame['order'] = here + 1
            frame['scene'] = short_name(scene)
            frames.append(frame.to_crs(frames[0].crs) if frames else frame)
        every = pd.concat(frames).sort_values('order', ignore_index=True)
        every = every[
            [c for c in every if c not in ('class', 'geometry')] + ['class', 'geometry']
        ]
        if len(scenes) == 1:
            every = every.drop(columns='scene')
        write_all(output, report, every, found.points, shown, [])
    return [str(output), str(report)]


def write_all(
    output: Path,
    report: Path | None,
    frame: gpd.GeoDataFrame,
    where: npt.NDArray[np.int64],
    scenes: Sequence[Scene],
    names: Sequence[str],
    shown: Sequence[str] = ('cluster', 'confidence'),
) -> None:
    """Write places, and a page of pictures of them.

    Args:
        output: GeoPackage to write.
        report: HTML page to write, if any.
        frame: Table of places.
        where: Scene, row and column of each, of shape ``(N, 3)``.
        scenes: Open scenes.
        names: Classes to choose from.
        shown: Columns that the page shows.

    Raises:
        OSError: If a file cannot be written.
    """
    make_folder(output.parent)
    write_places(output, frame, names)
    if report is not None:
        from ..maps.places_page import write_places_page

        make_folder(report.parent)
        write_places_page(report, scenes, frame, where, names, shown)
