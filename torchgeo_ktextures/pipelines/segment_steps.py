# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Steps of the commands that write maps of scenes."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__
from ..checkpoints import save_checkpoint
from ..clustering.numbers import parse_n_clusters
from ..datamodules.order import in_order
from ..datasets import CorruptRasterError, list_scenes, raster_name
from ..datasets.identity import digest_of
from ..inference import margin_of, predict_tiles
from ..inference.label_map import LabelMap
from ..inference.map_sink import MapSink
from ..maps.mosaic import write_mosaic
from ..maps.sidecars import sidecar_paths, write_sidecars
from ..segmenter import Segmenter
from .failures import Failures
from .manifest import Manifest
from .segment_options import Options, check_output, is_single

if TYPE_CHECKING:
    from ..estimator import KTexturesSegmenter
    from ..points.network import PointNetwork


class MapWriter(MapSink):
    """Writes the map of a single scene where the user wants it."""

    def __init__(
        self, output: Path, single: bool, confidence: bool, suffix: str = '_labels'
    ) -> None:
        """Initialize a new MapWriter instance.

        Args:
            output: Map, or folder of maps.
            single: Whether it is a map.
            confidence: Whether to write maps of the confidence as well.
            suffix: Added to the name of a scene to name its map in a folder.
        """
        folder = output.parent if single else output
        super().__init__(str(folder), suffix, '_confidence' if confidence else None)
        self.output = output if single else None
        #: Scenes of which the map was made now, and where that is noted, if anywhere.
        self.made: list[str] = []
        self.manifest: Manifest | None = None

    def _check(self, key: tuple[int, str], done: LabelMap) -> None:
        super()._check(key, done)
        if key[1] == 'labels':
            scene = done.grid.sources[0]
            self.made.append(scene)
            if self.manifest is not None:
                self.manifest.done(scene, done.output)

    def _path(self, name: str, suffix: str) -> Path:
        if self.output is None:
            return super()._path(name, suffix)
        if suffix == self.suffix:
            return self.output
        return self.output.with_name(f'{self.output.stem}{suffix}.tif')

    def map_paths(self, scenes: Sequence[str]) -> list[list[Path]]:
        """Name the maps of scenes.

        Args:
            scenes: Rasters.

        Returns:
            Their maps, one list for each kind of map.
        """
        suffixes = [suffix for suffix, _ in self._kinds.values()]
        return [
            [self._path(raster_name(s), suffix) for s in scenes] for suffix in suffixes
        ]


def begin(
    options: Options, suffix: str = '_labels'
) -> tuple[list[str], MapWriter, Failures]:
    """Find scenes, and check that their maps can be written.

    Args:
        options: What is asked for.
        suffix: Added to the name of a scene to name its map in a folder.

    Returns:
        Scenes, what writes their maps, and what collects those that fail.

    Raises:
        FileNotFoundError: If a scene or a folder does not exist.
        OSError: If a folder cannot be written to.
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
    writer = MapWriter(output, single, options.confidence, suffix)
    check_output(options, scenes, output, single, writer.map_paths(scenes))
    for line in lines:
        print(line)
    skip = (options.on_error or ('skip' if len(scenes) > 1 else 'stop')) == 'skip'
    return scenes, writer, Failures(skip, len(scenes))


def folder_of(options: Options) -> Path:
    """Folder of the maps.

    Args:
        options: What is asked for.

    Returns:
        Its path.
    """
    output = Path(options.output)
    return output.parent if is_single(output) else output


def fingerprint(scenes: Sequence[str], segmenter: Segmenter) -> str | None:
    """Tell one fit from another by what it is made of.

    Args:
        scenes: Rasters.
        segmenter: Estimator.

    Returns:
        Hexadecimal digits, or None where it cannot be told whether a scene has changed.
    """
    params = segmenter.get_params()
    shown = {k: v for k, v in params.items() if k not in ('device', 'verbose')}
    # Their order does not change the fit.
    digest = digest_of([__version__, str(shown)], in_order(scenes))
    return None if digest is None else digest[:16]


def kept_path(options: Options, run: str | None) -> Path | None:
    """Where a fitted model is kept until all maps are written.

    Args:
        options: What is asked for.
        run: What :func:`fingerprint` says.

    Returns:
        Path of a hidden file, or None where runs cannot be told apart.
    """
    if run is None:
        return None
    return folder_of(options) / f'.{Path(options.output).stem}.{run}.ckpt'


def fit(
    segmenter: 'KTexturesSegmenter',
    scenes: list[str],
    kept: Path | None,
    run: str | None,
    failures: Failures,
) -> 'tuple[KTexturesSegmenter, list[str]]':
    """Fit, or take up what was fitted when the command was stopped.

    Args:
        segmenter: Estimator.
        scenes: Rasters.
        kept: Where the fitted model is kept, if it is.
        run: What :func:`fingerprint` says.
        failures: What collects scenes that cannot be read.

    Returns:
        The fitted estimator, and scenes that can be read.

    Raises:
        OSError: If nothing can be read.
        ValueError: If scenes or options do not fit.
    """
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
        number = parse_n_clusters(segmenter.n_clusters)
        shown = str(number)
        if isinstance(number, range):
            shown = f'{number[0]} to {number[-1]}'
        print(f'Fitting {shown} classes to {len(scenes)} scene(s)')
    while True:
        try:
            segmenter.fit_model(scenes)
            break
        except CorruptRasterError as error:
            if not failures.take(error.path, error, scenes):
                raise
            scenes = [scene for scene in scenes if scene != error.path]
    selection = getattr(segmenter, 'selection_', None)
    if selection is not None:
        row = selection['n_clusters'].index(segmenter.n_clusters_)
        stability, persistence = (
            selection[name][row] for name in ('stability', 'persistence')
        )
        print(
            f'Chose {segmenter.n_clusters_} classes (stability {stability:.2f}, '
            f'persistence {persistence:.2f}).'
        )
    if kept is not None:
        save_checkpoint(segmenter, kept, run)
    from ..trainer import release_memory

    release_memory()
    return segmenter, scenes


def adapt(segmenter: 'KTexturesSegmenter', scenes: Sequence[str]) -> None:
    """Adapt a fitted model to scenes, and say how far their classes moved.

    Args:
        segmenter: Fitted estimator.
        scenes: Rasters.

    Raises:
        OSError: If a scene cannot be read.
        ValueError: If the model cannot be adapted to them.
    """
    segmenter.adapt(scenes)
    found = segmenter.adaptation_
    print(f'Adapted the model to {len(scenes)} scene(s): {found.sentence()}')


def predict(
    segmenter: Segmenter,
    scenes: list[str],
    options: Options,
    writer: MapWriter,
    failures: Failures,
    task: 'PointNetwork | None' = None,
    classes: Sequence[str] = (),
) -> list[str]:
    """Write the maps of all scenes that can be read.

    Args:
        segmenter: Fitted estimator, which says how scenes are read.
        scenes: Rasters.
        options: What is asked for.
        writer: What writes the maps.
        failures: What collects scenes that cannot be read.
        task: What predicts (defaults to the estimator).
        classes: Names of the classes, if they have any.

    Returns:
        Scenes that could be read.

    Raises:
        OSError: If nothing can be read, or a map cannot be written.
    """
    while scenes:
        try:
            model = segmenter.task_ if task is None else task
            data = segmenter.inputs_of(
                scenes,
                predict_tile_size=options.tile_size,
                margin=margin_of(model.context),
            ).data
            data.classes = classes
            if options.checkpoint is not None and task is None:
                data.trained_on = segmenter.trained_on_
            predict_tiles(model, data, writer, options.device, options.progress)
        except CorruptRasterError as error:
            if not failures.take(error.path, error, scenes):
                raise
            scenes = [scene for scene in scenes if scene != error.path]
        else:
            break
    return scenes


def put_together(options: Options, maps: Sequence[Sequence[Path]]) -> list[str]:
    """Put maps together, if that is asked for, and list them.

    Args:
        options: What is asked for.
        maps: Maps, one list for each kind.

    Returns:
        Names of the maps and the mosaic, and of what belongs to them.
    """
    for path in maps[0]:  # a run that was killed may have left one without
        write_sidecars(path)
    files = [str(path) for kind in maps for path in kind]
    if options.mosaic != 'none':
        mosaic = folder_of(options) / f'mosaic.{options.mosaic}'
        write_mosaic(maps[0], mosaic)
        files.append(str(mosaic))
    beside = (side for file in files for side in sidecar_paths(Path(file)))
    return files + [str(side) for side in beside if side.exists()]
