# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Classifying scenes by labelled points: what the command does."""

from pathlib import Path

from ..datasets import RasterWindows
from ..maps.mosaic import check_mosaic
from ..points import PointClassifier
from .scene_points import read_scene_points
from .segment_options import Options
from .segment_results import print_summary
from .segment_steps import (
    begin,
    fingerprint,
    fit,
    folder_of,
    kept_path,
    predict,
    prepare,
    put_together,
)


def classify_scenes(options: Options, points: Path) -> None:
    """Make maps of the classes of points.

    Args:
        options: What is asked for.
        points: Vector file of labelled points.

    Raises:
        FileNotFoundError: If a file or a folder does not exist.
        OSError: If something cannot be written, or some scenes failed.
        ValueError: If scenes, points or options do not fit.
    """
    scenes, writer, failures = begin(options, '_classes')
    segmenter, scenes = prepare(options, scenes, failures)
    if options.mosaic != 'none':
        check_mosaic(scenes)
    data = RasterWindows(
        scenes,
        bands=getattr(segmenter, 'bands_', None) or segmenter.bands or (),
        scale=segmenter.scale,
        nodata=segmenter.nodata,
        invalid_if=segmenter.invalid_if,
    )
    found = read_scene_points(points, data)
    for sentence in found.left_out:
        print(sentence)
    counts = found.counts()
    print(', '.join(f'{name}: {count}' for name, count in counts.items()) + ' points')
    folder_of(options).mkdir(exist_ok=True)
    kept = None
    if options.checkpoint is None:
        run = fingerprint(scenes, segmenter)
        kept = kept_path(options, run)
        segmenter, scenes = fit(segmenter, list(scenes), kept, run, failures)
        found = found.within(data.files, scenes)
    classifier = PointClassifier(
        segmenter, random_state=options.seed, device=options.device
    )
    classifier.fit(list(scenes), found.points, found.classes)
    if options.save_checkpoint is not None:
        classifier.save(options.save_checkpoint)
    names = [str(name) for name in classifier.classes_]
    fitted_to = scenes
    scenes = predict(
        *(segmenter, list(scenes), options, writer, failures),
        *(classifier.model_, tuple(names)),
    )
    found = found.within(fitted_to, scenes)
    maps = writer.map_paths(scenes)
    files = put_together(options, maps)
    if options.report is not None:
        from .classification_report import write_classification_report

        write_classification_report(
            Path(options.report), scenes, maps[0], segmenter, names, found
        )
        files.append(options.report)
    if options.save_checkpoint is not None:
        files.append(options.save_checkpoint)
    if kept is not None:
        kept.unlink(missing_ok=True)
    print_summary(maps[0], files, names)
    failures.report()
