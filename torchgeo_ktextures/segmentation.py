# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Segmenting scenes into maps: what the command does."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from . import __version__
from .callbacks import GeoTIFFWriter
from .checkpoints import run_of, save_checkpoint
from .datasets import (
    CorruptRasterError,
    band_indexes,
    list_scenes,
    open_raster,
    raster_bands,
    raster_name,
)
from .datasets.bands import check_types
from .datasets.identity import raster_state
from .errors import some_of
from .estimator import KTexturesSegmenter
from .failures import Failures
from .inference import predict_tiles
from .inference.origin import tags_if_whole
from .maps import read_classes
from .maps.mosaic import check_mosaic, write_mosaic
from .segment_options import Options, check_output, is_single, parse_stride
from .segment_results import (
    choose_legend,
    print_summary,
    total_summaries,
    write_legend,
)
from .trainer import release_memory

#: Tag of a map that tells scenes and options it was made with.
_RUN_TAG = 'KTEXTURES_RUN'


class _Writer(GeoTIFFWriter):
    """Writes the map of a single scene where the user wants it."""

    def __init__(self, output: Path, single: bool, confidence: bool) -> None:
        folder = output.parent if single else output
        super().__init__(str(folder), '_labels', '_confidence' if confidence else None)
        self.output = output if single else None

    def _path(self, name: str, suffix: str) -> Path:
        if self.output is None:
            return super()._path(name, suffix)
        if suffix == self.suffix:
            return self.output
        return self.output.with_name(f'{self.output.stem}{suffix}.tif')

    def map_paths(self, scenes: Sequence[str]) -> list[list[Path]]:
        """Maps of scenes, one list for each kind."""
        suffixes = [suffix for suffix, _ in self._kinds.values()]
        return [
            [self._path(raster_name(s), suffix) for s in scenes] for suffix in suffixes
        ]


def segment_scenes(options: Options) -> None:
    """Segment scenes.

    Args:
        options: What is asked for.

    Raises:
        FileNotFoundError: If a scene or a folder does not exist.
        OSError: If something cannot be written, or some scenes failed.
        ValueError: If scenes or options do not fit.
    """
    if options.tile_size < 1:
        msg = f'tile_size={options.tile_size} must be at least 1; 768 is a good one'
        raise ValueError(msg)
    scenes, lines = list_scenes(options.scenes)
    scenes = list(
        {Path(s).absolute() if Path(s).exists() else s: s for s in scenes}.values()
    )
    output = Path(options.output)
    single = is_single(output)
    writer = _Writer(output, single, options.confidence)
    check_output(options, scenes, output, single, writer.map_paths(scenes))
    for line in lines:
        print(line)
    skip = (options.on_error or ('skip' if len(scenes) > 1 else 'stop')) == 'skip'
    failures = Failures(skip, len(scenes))
    segmenter, scenes = _prepare(options, scenes, failures)
    if options.mosaic != 'none':
        check_mosaic(scenes)
    folder = output.parent if single else output
    folder.mkdir(exist_ok=True)
    _run(options, scenes, segmenter, writer, failures)
    failures.report()


def _run(
    options: Options,
    scenes: Sequence[str],
    segmenter: KTexturesSegmenter,
    writer: _Writer,
    failures: Failures,
) -> None:
    """Fit, predict and write what belongs to the maps."""
    output = Path(options.output)
    folder = output.parent if is_single(output) else output
    maps = writer.map_paths(scenes)
    run = None
    if options.checkpoint is None:
        run = _fingerprint(scenes, segmenter)
        done = run is not None and _files_if_done(options, scenes, maps, run)
        if done:
            print('All of this was there already; remove a map to make it again.')
            print_summary(maps[0], [*_mosaic(options, folder, maps), *done])
            return
    legend = choose_legend(Path(options.legend) if options.legend else None, maps[0])
    kept = None
    if options.checkpoint is None:
        kept = folder / f'.{output.stem}.{run}.ckpt' if run is not None else None
        segmenter, scenes = _fit(segmenter, list(scenes), kept, run, failures)
        writer.tags = {_RUN_TAG: run} if run is not None else {}
    if options.save_checkpoint is not None:
        save_checkpoint(segmenter, Path(options.save_checkpoint), run)
    scenes = _predict(segmenter, list(scenes), options, writer, failures)
    maps = writer.map_paths(scenes)
    files = _mosaic(options, folder, maps)
    if options.legend is None:
        legend = choose_legend(None, maps[0])  # another process may have been faster
    files += write_legend(legend, maps[0], segmenter)
    if options.report is not None:
        from .report import write_report

        write_report(Path(options.report), scenes, maps[0], segmenter, run or '')
        files.append(options.report)
    if options.save_checkpoint is not None:
        files.append(options.save_checkpoint)
    if kept is not None:
        kept.unlink(missing_ok=True)
    print_summary(maps[0], files)


def _prepare(
    options: Options, scenes: Sequence[str], failures: Failures
) -> tuple[KTexturesSegmenter, list[str]]:
    """Estimator as asked for, fitted if there is a checkpoint, and readable scenes."""
    loaded = None
    if options.checkpoint is not None:
        loaded = KTexturesSegmenter.load(options.checkpoint)
        _check_checkpoint(options, loaded)
    left = list(scenes)
    bands = options.bands
    if bands is None and loaded is not None:
        bands = getattr(loaded, 'bands_', loaded.bands)
    chosen: list[str | int] | None = None
    plain = []
    for scene in scenes:
        try:
            with open_raster(scene) as src:
                own = raster_bands(src, bands)
                check_types(src, band_indexes(src, own))
                if src.crs is None and not src.gcps[0]:
                    plain.append(scene)
            if chosen is not None and len(own) != len(chosen):
                msg = f'{scene} has the bands {own}, others have {chosen}; name those '
                raise ValueError(msg + 'of all, as --bands red,green,blue')
            chosen = own
        except (CorruptRasterError, ValueError) as error:
            if not failures.take(scene, error, left):
                raise
            left.remove(scene)
    if plain:
        print(f'{some_of(plain)}: no georeference, so the maps have none either.')
    with open_raster(left[0]) as src:
        default = '4' if loaded is None else str(loaded.mask_stride)
        stride = parse_stride(options.mask_stride or default, src)
    if loaded is not None:
        if stride != loaded.mask_stride:
            raise ValueError(
                _misfit(options, 'mask_stride', stride, loaded.mask_stride)
            )
        if chosen is not None and len(chosen) != loaded.n_features_in_:
            msg = f'bands={chosen} are {len(chosen)}, but the model of '
            msg += (
                f'{options.checkpoint} was fitted with {loaded.n_features_in_}; name '
            )
            raise ValueError(msg + 'as many with --bands')
        loaded.bands_ = chosen or []
        return loaded, left
    segmenter = KTexturesSegmenter(
        8 if options.n_clusters is None else options.n_clusters,
        mask_stride=stride,
        max_steps=options.steps,
        n_init=options.n_init,
        random_state=options.seed,
        device=options.device,
        bands=chosen,
        scale=1 if options.scale is None else options.scale,
        nodata=options.nodata,
        invalid_if=options.invalid_if,
        normalize=options.normalize or 'none',  # type: ignore[arg-type]
        verbose=options.progress,
    )
    return segmenter, left


def _check_checkpoint(options: Options, loaded: KTexturesSegmenter) -> None:
    """Set what may differ from a checkpoint, and refuse what may not."""
    if options.n_clusters not in (None, loaded.n_clusters):
        text = _misfit(options, 'n_clusters', options.n_clusters, loaded.n_clusters)
        raise ValueError(text)
    given = {
        'scale': options.scale,
        'nodata': options.nodata,
        'normalize': options.normalize,
    }
    loaded.set_params(
        device=options.device,
        verbose=options.progress,
        invalid_if=options.invalid_if,
        **{name: value for name, value in given.items() if value is not None},
    )


def _misfit(options: Options, name: str, given: object, own: object) -> str:
    msg = f'{name}={given} does not fit checkpoint {options.checkpoint}, which '
    return f'{msg}has {name}={own}; leave it out, or fit again'


def _fingerprint(scenes: Sequence[str], segmenter: KTexturesSegmenter) -> str | None:
    """Tell one fit from another by what it is made of; None where that cannot be told."""
    params = segmenter.get_params()
    shown = {k: v for k, v in params.items() if k not in ('device', 'verbose')}
    states = [raster_state(scene) for scene in scenes]
    if None in states:
        return None
    parts = [__version__, str(shown), *map(str, states)]
    return hashlib.sha256('\n'.join(parts).encode()).hexdigest()[:16]


def _mosaic(
    options: Options, folder: Path, maps: Sequence[Sequence[Path]]
) -> list[str]:
    """Put maps together, if that is asked for; the names of maps and mosaic."""
    files = [str(path) for kind in maps for path in kind]
    if options.mosaic != 'none':
        mosaic = folder / f'mosaic.{options.mosaic}'
        write_mosaic(maps[0], mosaic)
        files.append(str(mosaic))
    return files


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
            break
    if not files:
        return []
    if options.report is not None:
        report = Path(options.report)
        if not report.is_file() or run not in report.read_text('utf-8'):
            return []
        files.append(options.report)
    if options.save_checkpoint is not None:
        if run_of(Path(options.save_checkpoint)) != run:
            return []
        files.append(options.save_checkpoint)
    return files


def _fit(
    segmenter: KTexturesSegmenter,
    scenes: list[str],
    kept: Path | None,
    run: str | None,
    failures: Failures,
) -> tuple[KTexturesSegmenter, list[str]]:
    """Fit, or take up what was fitted when the command was stopped."""
    if kept is not None and kept.exists():
        try:
            fitted = type(segmenter).load(kept)
        except (FileNotFoundError, ValueError):
            pass  # another process has just finished, or the file is damaged
        else:
            print(f'Going on with the model of the last time ({kept}).')
            fitted.set_params(device=segmenter.device, verbose=segmenter.verbose)
            return fitted, scenes
    if segmenter.verbose:
        print(f'Fitting {segmenter.n_clusters} classes to {len(scenes)} scene(s)')
    while True:
        try:
            segmenter.fit_model(scenes)
            break
        except CorruptRasterError as error:
            if not failures.take(error.path, error, scenes):
                raise
            scenes = [scene for scene in scenes if scene != error.path]
    if kept is not None:
        save_checkpoint(segmenter, kept, run)
    release_memory()
    return segmenter, scenes


def _predict(
    segmenter: KTexturesSegmenter,
    scenes: list[str],
    options: Options,
    writer: GeoTIFFWriter,
    failures: Failures,
) -> list[str]:
    """Write the maps of all scenes that can be read, and return these."""
    while True:
        try:
            data = segmenter.inputs_of(scenes, predict_tile_size=options.tile_size).data
            if options.checkpoint is not None:
                data.trained_on = segmenter.trained_on_
            task = segmenter.task_
            predict_tiles(task, data, writer, options.device, options.progress)
        except CorruptRasterError as error:
            if not failures.take(error.path, error, scenes):
                raise
            scenes = [scene for scene in scenes if scene != error.path]
        else:
            return scenes
