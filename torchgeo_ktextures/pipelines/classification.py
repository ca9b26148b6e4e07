# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Classifying scenes by labelled points: what the command does."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..datasets import RasterWindows, raster_name
from ..estimator import KTexturesSegmenter
from ..fitting import seed_of
from ..maps.mosaic import check_mosaic
from ..points import PointClassifier
from ..points.cluster_maps import ClusterMaps
from ..points.fitting import fit_network
from ..points.network import PointNetwork
from .scene_points import ScenePoints, read_scene_points
from .segment_estimator import prepare
from .segment_options import Options
from .segment_results import print_summary
from .segment_steps import (
    begin,
    fingerprint,
    fit,
    folder_of,
    kept_path,
    predict,
    put_together,
)


def classify_scenes(options: Options, points: Path, labels: Path | None = None) -> None:
    """Make maps of the classes of points.

    Args:
        options: What is asked for.
        points: Vector file of labelled points.
        labels: Map of clusters, or folder of those of all scenes, if there are any.

    Raises:
        FileNotFoundError: If a file or a folder does not exist.
        OSError: If something cannot be written, or some scenes failed.
        ValueError: If scenes, points or options do not fit.
    """
    if labels is not None:
        _check_labels(options)
    scenes, writer, failures = begin(options, '_classes')
    segmenter, scenes = prepare(options, scenes, failures)
    assert isinstance(segmenter, KTexturesSegmenter)
    if options.mosaic != 'none':
        check_mosaic(scenes)
    data = RasterWindows(
        scenes,
        bands=getattr(segmenter, 'bands_', None) or segmenter.bands or (),
        scale=segmenter.scale,
        nodata=segmenter.nodata,
        invalid_if=segmenter.invalid_if,
        ignore_scale=segmenter.ignore_scale,
    )
    found = read_scene_points(points, data)
    for sentence in found.left_out:
        print(sentence)
    counts = found.counts()
    print(', '.join(f'{name}: {count}' for name, count in counts.items()) + ' points')
    clusters = None
    if labels is not None:
        clusters = ClusterMaps(_maps_of(scenes, labels))
        _check_overwritten(clusters, options, writer.map_paths(scenes))
        # The statistics of bands and features, which do not depend on the clusters.
        segmenter.set_params(n_clusters=2, max_steps=1, verbose=False)
    folder_of(options).mkdir(exist_ok=True)
    kept = run = None
    if options.checkpoint is None:
        if labels is None:
            run = fingerprint(scenes, segmenter)
            kept = kept_path(options, run)
        segmenter, scenes = fit(segmenter, list(scenes), kept, run, failures)
        found = found.within(data.files, scenes)
    if clusters is None:
        classifier = PointClassifier(
            segmenter, random_state=options.seed, device=options.device
        )
        classifier.fit(list(scenes), found.points, found.classes)
        if options.save_checkpoint is not None:
            classifier.save(options.save_checkpoint)
        names = [str(name) for name in classifier.classes_]
        network = classifier.model_
    else:
        names, network = _fit_to_maps(segmenter, scenes, found, options.seed, clusters)
    fitted_to = scenes
    scenes = predict(
        *(segmenter, list(scenes), options, writer, failures),
        *(network, tuple(names)),
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


def _check_labels(options: Options) -> None:
    """Refuse what has no part where a map tells the clusters."""
    for name in ('checkpoint', 'n_clusters', 'save_checkpoint'):
        if getattr(options, name) is not None:
            msg = f'{name} and labels do not go together: the map tells the clusters, '
            raise ValueError(f'{msg}and there is no model of them; leave one out')


def _maps_of(scenes: Sequence[str], labels: Path) -> dict[str, Path]:
    """Find the map of each scene."""
    if labels.is_dir():
        return {s: labels / f'{raster_name(s)}_labels.tif' for s in scenes}
    if len(scenes) > 1:
        msg = f'labels={str(labels)!r} is one map, but there are {len(scenes)} scenes; '
        raise ValueError(f'{msg}give a folder with the map NAME_labels.tif of each')
    return {scenes[0]: labels}


def _check_overwritten(
    clusters: ClusterMaps, options: Options, maps: Sequence[Sequence[Path]]
) -> None:
    """Check that no map of clusters would be overwritten."""
    own = {path.resolve() for path in clusters.paths.values()}
    targets = [path for kind in maps for path in kind]
    if options.report is not None:
        targets.append(Path(options.report))
    for target in targets:
        if target.resolve() in own:
            msg = f'{target} is the map of clusters, which would be overwritten; '
            raise ValueError(f'{msg}choose another name')


def _fit_to_maps(
    segmenter: KTexturesSegmenter,
    scenes: Sequence[str],
    found: ScenePoints,
    seed: int,
    clusters: ClusterMaps,
) -> tuple[list[str], PointNetwork]:
    """Learn classes from points and maps of clusters."""
    classes, codes = np.unique(found.classes, return_inverse=True)
    network = fit_network(
        *(segmenter, list(scenes), found.points, codes.astype(np.int64)),
        *(seed_of(seed), clusters),
    )
    return [str(name) for name in classes], network
