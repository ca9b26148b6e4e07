# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Suggesting where to label: what the command does."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import numpy.typing as npt
from rasterio.io import DatasetReader
from rasterio.windows import Window

from ..maps.check_sample import draw_check_sample
from ..maps.cleaning import NO_CONFIDENCE, check_confidence
from ..maps.naming import Points, read_points
from ..maps.places import Places, as_frame, check_places
from ..maps.reading import (
    MODEL_TAG,
    check_georeference,
    check_same_grid,
    class_names,
    open_labels,
    open_raster,
    read_part,
)
from ..maps.scenes import Scene
from ..maps.typical_places import suggest_typical
from .suggested_places import columns_of, say_fewer, shown_scene, write_all

#: Places to suggest, and points to assess each class by, unless the user says.
_COUNT, _COUNT_PER_CLASS = 30, 50


@dataclass
class SuggestOptions:
    """What is asked for, see :func:`torchgeo_ktextures.commands.suggest.suggest`."""

    labels: Path
    output: Path
    image: str | None
    count: int | None
    points: Path | None
    checkpoint: Path | None
    confidence: Path | None
    names: Sequence[str]
    for_assessment: bool
    min_per_class: int
    bands: Sequence[str | int] | None
    nodata: Sequence[float] | None
    report: Path | None
    seed: int


def suggest_places(options: SuggestOptions) -> None:
    """Suggest places to label in one map.

    Args:
        options: What is asked for.

    Raises:
        OSError: If something cannot be read or written.
        ValueError: If options do not fit each other or the map.
    """
    _check(options)
    with ExitStack() as stack:
        src = stack.enter_context(open_labels(options.labels))
        check_georeference(src)
        scene = None
        if options.image is not None:
            raster = stack.enter_context(open_raster(options.image, 'image'))
            check_same_grid(src, raster)
            scene = shown_scene(raster, options.bands, options.nodata)
        sure = None
        if options.confidence is not None:
            sure = stack.enter_context(open_raster(options.confidence, 'confidence'))
            check_confidence(sure)
            check_same_grid(src, sure)
        given = None if options.points is None else read_points(options.points, src)
        for sentence in () if given is None else given.left_out:
            print(sentence)
        names = list(options.names) or ([] if given is None else list(given.names))
        if options.for_assessment:
            names = names or class_names(src)
            count = options.count or _COUNT_PER_CLASS * len(class_names(src))
            places = draw_check_sample(src, count, options.min_per_class, options.seed)
            if sure is not None:
                places.columns['confidence'] = _values_at(sure, places)
            say_fewer(len(places), count, 'the map has no more pixels')
        else:
            count = _COUNT if options.count is None else options.count
            places = _for_labels(options, src, scene, sure, given, count)
        frame = as_frame(places, src)
        where = np.stack([places.rows * 0, places.rows, places.cols], 1)
        scenes = [] if scene is None else [scene]
        # Who sees the class of the map takes it for true.
        shown = () if options.for_assessment else ('cluster', 'confidence')
        write_all(options.output, options.report, frame, where, scenes, names, shown)
    _print_places(frame)
    for file in (options.output, options.report):
        if file is not None:
            print(f'Written: {file}')


def _check(options: SuggestOptions) -> None:
    """Refuse options that do not fit each other."""
    for name in ('count', 'min_per_class'):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ValueError(f'{name}={value} must be at least 1')
    for name in ('report', 'checkpoint'):
        if getattr(options, name) is not None and options.image is None:
            raise ValueError(f'{name} needs the scene of the map; name it with --image')
    if options.points is not None and options.points.resolve() == (
        options.output.resolve()
    ):
        msg = f'{options.output} holds the points so far and would be overwritten; '
        raise ValueError(f'{msg}choose another name')
    check_places(options.output)
    if options.for_assessment and (options.points or options.checkpoint):
        msg = 'points and checkpoint have no part in a random sample; leave them out '
        raise ValueError(f'{msg}to assess a map')


def _for_labels(
    options: SuggestOptions,
    src: DatasetReader,
    scene: Scene | None,
    sure: DatasetReader | None,
    given: Points | None,
    count: int,
) -> Places:
    """Places that make a map better."""
    if options.checkpoint is None:
        known = None if given is None else (given.rows, given.cols)
        places = suggest_typical(src, count, scene, sure, known, options.seed)
        why = 'the map has no more places inside of regions'
    else:
        from ..estimator import KTexturesSegmenter
        from ..inference.origin import model_id
        from ..points import suggest_points

        segmenter = KTexturesSegmenter.load(options.checkpoint)
        model = src.tags().get(MODEL_TAG)
        if model is not None and model != model_id(segmenter.task_)[:16]:
            msg = f'{options.checkpoint} did not make {options.labels}; name the model '
            raise ValueError(f'{msg}that did, or leave it out')
        segmenter.set_params(bands=options.bands, nodata=options.nodata)
        if options.bands is not None:
            segmenter.bands_ = list(options.bands)
        known_points = None
        if given is not None:
            known_points = np.stack([given.rows * 0, given.rows, given.cols], 1)
        found = suggest_points(segmenter, options.image, count, known_points)
        places = Places(found.points[:, 1], found.points[:, 2], columns_of(found))
        why = 'the scene has no more places that tell anything new'
    say_fewer(len(places), count, why)
    return places


def _values_at(src: DatasetReader, places: Places) -> npt.NDArray[np.float64]:
    values = [
        float(read_part(src, Window(col, row, 1, 1))[0, 0])
        for row, col in zip(places.rows, places.cols, strict=True)
    ]
    return np.array([np.nan if v == NO_CONFIDENCE else v for v in values])


def _print_places(frame: gpd.GeoDataFrame) -> None:
    """Print how many places each cluster or stratum has."""
    for name in ('cluster', 'stratum'):
        if name in frame:
            counts = frame[name].value_counts(sort=False).sort_index()
            print(f'{len(frame)} places by {name}: ', end='')
            print(', '.join(f'{key}: {count}' for key, count in counts.items()))
