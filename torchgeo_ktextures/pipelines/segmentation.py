# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Segmenting scenes into maps: what the command does."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ..checkpoints import run_of, save_checkpoint
from ..datasets import open_raster
from ..inference.origin import tags_if_whole
from ..maps import read_classes
from ..maps.mosaic import check_mosaic
from ..maps.reading import check_georeference
from ..segmenter import Segmenter
from .failures import Failures
from .manifest import Manifest
from .processes import predict_in_processes
from .segment_estimator import prepare
from .segment_options import Options, is_single
from .segment_radiometry import print_radiometry
from .segment_results import (
    choose_legend,
    print_summary,
    selection_path,
    total_summaries,
    write_legend,
    write_selection,
)
from .segment_steps import (
    MapWriter,
    adapt,
    begin,
    fingerprint,
    fit,
    folder_of,
    kept_path,
    predict,
    put_together,
)

if TYPE_CHECKING:
    from ..estimator import KTexturesSegmenter

#: Tag of a map that tells scenes and options it was made with.
_RUN_TAG = 'KTEXTURES_RUN'


def segment_scenes(options: Options) -> None:
    """Segment scenes.

    Args:
        options: What is asked for.

    Raises:
        FileNotFoundError: If a scene or a folder does not exist.
        OSError: If something cannot be written, or some scenes failed.
        ValueError: If scenes or options do not fit.
    """
    scenes, writer, failures = begin(options)
    if options.suggest is not None and options.suggest < 1:
        raise ValueError(f'suggest={options.suggest} must be at least 1')
    light = not options.adapt and options.suggest is None
    segmenter, scenes = prepare(options, scenes, failures, light)
    if options.mosaic != 'none':
        check_mosaic(scenes)
    for scene in scenes if options.suggest is not None else ():
        with open_raster(scene) as src:
            check_georeference(src)
    folder_of(options).mkdir(exist_ok=True)
    _run(options, scenes, segmenter, writer, failures)
    failures.report()


def _run(
    options: Options,
    scenes: Sequence[str],
    segmenter: Segmenter,
    writer: MapWriter,
    failures: Failures,
) -> None:
    """Fit, predict and write what belongs to the maps."""
    begun = time.monotonic()
    if options.manifest is not None:
        writer.manifest = Manifest(Path(options.manifest))
    maps = writer.map_paths(scenes)
    run = None
    if options.checkpoint is None:
        run = fingerprint(scenes, segmenter)
        done = run is not None and _files_if_done(options, scenes, maps, run)
        if done:
            print('All of this was there already; remove a map to make it again.')
            print_radiometry(scenes, maps[0], total_summaries(maps[0])[0])
            print_summary(maps[0], [*put_together(options, maps), *done])
            return
    if options.suggest is not None:
        from ..maps.places import check_places

        check_places(points_path(options))
    legend = choose_legend(Path(options.legend) if options.legend else None, maps[0])
    kept = None
    if options.checkpoint is None:
        kept = kept_path(options, run)
        segmenter, scenes = fit(
            cast('KTexturesSegmenter', segmenter), list(scenes), kept, run, failures
        )
        writer.tags = {_RUN_TAG: run} if run is not None else {}
    if options.adapt:
        adapt(cast('KTexturesSegmenter', segmenter), list(scenes))
    if options.save_checkpoint is not None:
        save_checkpoint(segmenter, Path(options.save_checkpoint), run)
    every = list(scenes)
    if options.jobs > 1 and len(every) > 1:
        scenes = predict_in_processes(segmenter, every, options, writer, failures)
    else:
        scenes = predict(segmenter, every, options, writer, failures)
    if writer.manifest is not None:
        maps_of = dict(zip(scenes, writer.map_paths(scenes)[0], strict=True))
        writer.manifest.complete(maps_of, writer.made, failures.reasons)
    maps = writer.map_paths(scenes)
    files = put_together(options, maps)
    if options.legend is None:
        legend = choose_legend(None, maps[0])  # another process may have been faster
    files += write_legend(legend, maps[0], segmenter)
    files += write_selection(selection_path(legend), maps[0], segmenter)
    if options.report is not None:
        from .segment_report import write_report

        write_report(
            Path(options.report),
            scenes,
            maps[0],
            segmenter,
            run or '',
            legend=legend,
            seconds=time.monotonic() - begun,
        )
        files.append(options.report)
    if options.suggest is not None:
        from .suggested_places import suggest_for_maps

        points = points_path(options)
        files += suggest_for_maps(
            cast('KTexturesSegmenter', segmenter),
            scenes,
            maps[0],
            options.suggest,
            points,
        )
    if options.save_checkpoint is not None:
        files.append(options.save_checkpoint)
    if kept is not None:
        kept.unlink(missing_ok=True)
    print_radiometry(scenes, maps[0], total_summaries(maps[0])[0])
    print_summary(maps[0], files)


def points_path(options: Options) -> Path:
    """Where places to label go, beside the map.

    Args:
        options: What is asked for.

    Returns:
        Path of a GeoPackage.
    """
    output = Path(options.output)
    if is_single(output):
        return output.with_name(f'{output.stem}_points.gpkg')
    return output / 'points.gpkg'


def _files_if_done(
    options: Options,
    scenes: Sequence[str],
    maps: Sequence[Sequence[Path]],
    run: str,
) -> list[str]:
    """What there is beside finished maps, if there is nothing left to do."""
    for scene, paths in zip(scenes, zip(*maps, strict=True), strict=True):
        with open_raster(scene) as src:
            if any(tags_if_whole(path, src).get(_RUN_TAG) != run for path in paths):
                return []
    folder = maps[0][0].parent
    legends = (
        [Path(options.legend)] if options.legend else sorted(folder.glob('*.yaml'))
    )
    counts = [c.pixels for c in total_summaries(maps[0])[1]]
    files: list[str] = []
    for legend in legends:
        try:
            found = read_classes(legend)
        except (OSError, ValueError):
            continue
        here = [(legend.parent / name).resolve() for name in found.maps]
        of_these = not here or here == [path.resolve() for path in maps[0]]
        if of_these and [entry.pixels for entry in found] == counts:
            files = [str(legend), f'{legend.with_name(f"{legend.stem}_textures")}/']
            selection = selection_path(legend)
            files += [str(selection)] if selection.exists() else []
            break
    if not files:
        return []
    if options.report is not None:
        report = Path(options.report)
        if not report.is_file() or run not in report.read_text('utf-8'):
            return []
        files.append(options.report)
    if options.suggest is not None:
        points = points_path(options)
        if not points.is_file() or points.stat().st_mtime < maps[0][0].stat().st_mtime:
            return []
        files += [str(points), str(points.with_suffix('.html'))]
    if options.save_checkpoint is not None:
        if run_of(Path(options.save_checkpoint)) != run:
            return []
        files.append(options.save_checkpoint)
    return files
