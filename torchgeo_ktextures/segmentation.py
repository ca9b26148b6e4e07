# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Segmenting scenes into maps: what the command does."""

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rasterio.io import DatasetReader

from . import __version__
from .callbacks import GeoTIFFWriter
from .callbacks.label_map import read_tags
from .datamodules import RasterDataModule
from .datasets import band_indexes, open_raster, raster_bands
from .datasets.rasters import RASTER_SUFFIXES, list_rasters
from .estimator import KTexturesSegmenter
from .maps import read_classes
from .maps.area import pixel_area_ha
from .maps.mosaic import check_mosaic, write_mosaic
from .models import MASK_STRIDES
from .segment_results import (
    check_legend,
    print_summary,
    total_summaries,
    write_legend,
)
from .trainer import margin_of, predict_maps, release_memory

#: Tag of a map that tells scenes and options it was made with.
_RUN_TAG = 'KTEXTURES_RUN'


@dataclass
class Options:
    """What is asked for, see :func:`torchgeo_ktextures.commands.segment.segment`."""

    scenes: Sequence[str]
    output: str
    n_clusters: int | None
    bands: Sequence[str | int] | None
    scale: float | None
    nodata: float | None
    mask_stride: str | None
    steps: int
    n_init: int
    seed: int
    device: str
    checkpoint: str | None
    save_checkpoint: str | None
    mosaic: str
    confidence: bool
    legend: str | None
    report: str | None
    tile_size: int
    progress: bool


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
            [self._path(Path(s).stem, suffix) for s in scenes] for suffix in suffixes
        ]


def segment_scenes(options: Options) -> None:
    """Segment scenes.

    Args:
        options: What is asked for.

    Raises:
        FileNotFoundError: If a scene or a folder does not exist.
        OSError: If something cannot be written.
        ValueError: If scenes or options do not fit.
    """
    if options.tile_size < 1:
        msg = f'tile_size={options.tile_size} must be at least 1; 768 is a good one'
        raise ValueError(msg)
    scenes = list_rasters(options.scenes)
    output = Path(options.output)
    single = output.suffix.lower() in RASTER_SUFFIXES
    writer = _Writer(output, single, options.confidence)
    maps = writer.map_paths(scenes)
    _check_output(options, scenes, output, single, maps)
    folder = output.parent if single else output
    legend = Path(options.legend) if options.legend else folder / 'classes.yaml'
    check_legend(legend)
    segmenter = _prepare(options, scenes)
    _check_scenes(scenes, segmenter)
    if options.mosaic != 'none':
        check_mosaic(scenes)
    folder.mkdir(exist_ok=True)
    kept, run = None, ''
    if options.checkpoint is None:
        run = _fingerprint(scenes, segmenter)
        kept = folder / f'.{output.stem}.{run}.ckpt'
        if not kept.exists() and _is_done(options, maps, legend, run):
            print('All of this was there already; remove a map to make it again.')
            print_summary(maps[0], _mosaic(options, folder, maps[0]))
            return
        writer.tags = {_RUN_TAG: run}
        segmenter = _fit(segmenter, scenes, kept)
    if options.save_checkpoint is not None:
        segmenter.save(options.save_checkpoint)
    _predict(segmenter, scenes, options, writer)
    files = _mosaic(options, folder, maps[0])
    files += write_legend(legend, maps[0], segmenter)
    if options.report is not None:
        from .report import write_report

        write_report(Path(options.report), scenes, maps[0], segmenter, run)
        files.append(options.report)
    if options.save_checkpoint is not None:
        files.append(options.save_checkpoint)
    if kept is not None:
        kept.unlink(missing_ok=True)
    print_summary(maps[0], files)


def _check_output(
    options: Options,
    scenes: Sequence[str],
    output: Path,
    single: bool,
    maps: Sequence[Sequence[Path]],
) -> None:
    if single and len(scenes) > 1:
        msg = f'output={str(output)!r} is one map, but there are {len(scenes)} scenes; '
        raise ValueError(msg + 'give a folder for their maps')
    folder = output.parent if single else output
    if single and output.is_dir():
        raise ValueError(f'output={str(output)!r} is a folder, give a file name')
    if folder.exists() and not folder.is_dir():
        raise ValueError(f'output={str(folder)!r} is a file, give a folder')
    _check_folder(folder if single or folder.exists() else folder.parent)
    given = (options.legend, options.report, options.save_checkpoint)
    others = [Path(path) for path in given if path is not None]
    for path in others:
        if path.parent != folder:
            _check_folder(path.parent)
    inputs = {Path(scene).resolve() for scene in scenes}
    targets = [path for kind in maps for path in kind] + others
    for i, target in enumerate(targets):
        if target.resolve() in inputs:
            msg = f'{target} is a scene, which would be overwritten; '
            raise ValueError(msg + 'choose another name')
        if target in targets[:i]:
            msg = f'{target} would be written twice, as for two scenes of one name; '
            raise ValueError(msg + 'choose other names, or outputs one by one')


def _check_folder(folder: Path) -> None:
    """Check that files can be written to a folder."""
    if not folder.is_dir():
        msg = f'folder {str(folder)!r} for the output does not exist; make it, or '
        raise FileNotFoundError(msg + 'choose another output')
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        msg = f'folder {str(folder)!r} cannot be written to ({error.strerror}); '
        raise OSError(msg + 'choose another output') from None


def _prepare(options: Options, scenes: Sequence[str]) -> KTexturesSegmenter:
    """Estimator as asked for, fitted if there is a checkpoint."""
    if options.checkpoint is None:
        with open_raster(scenes[0]) as src:
            stride = parse_stride(options.mask_stride or '4', src)
        return KTexturesSegmenter(
            8 if options.n_clusters is None else options.n_clusters,
            mask_stride=stride,
            max_steps=options.steps,
            n_init=options.n_init,
            random_state=options.seed,
            device=options.device,
            bands=options.bands,
            scale=1 if options.scale is None else options.scale,
            nodata=options.nodata,
            verbose=options.progress,
        )
    segmenter = KTexturesSegmenter.load(options.checkpoint)
    with open_raster(scenes[0]) as src:
        stride = parse_stride(options.mask_stride or str(segmenter.mask_stride), src)
    fitted = getattr(segmenter, 'bands_', None) or segmenter.bands
    for name, given, own in (
        ('n_clusters', options.n_clusters, segmenter.n_clusters),
        ('bands', options.bands, fitted),
        ('scale', options.scale, segmenter.scale),
        ('mask_stride', stride, segmenter.mask_stride),
    ):
        if given is not None and own is not None and given != own:
            msg = f'{name}={given} does not fit checkpoint {options.checkpoint}, which '
            raise ValueError(f'{msg}has {name}={own}; leave it out, or fit again')
    segmenter.set_params(device=options.device, verbose=options.progress)
    if options.nodata is not None:
        segmenter.set_params(nodata=options.nodata)
    if fitted is None:
        segmenter.set_params(bands=options.bands)
    return segmenter


def parse_stride(text: str, src: DatasetReader) -> int:
    """Find the mask stride for the smallest region worth a class.

    Args:
        text: Pixels, such as ``4``, or metres, such as ``40m``.
        src: Open scene.

    Returns:
        The stride in pixels.

    Raises:
        ValueError: If the text is neither, or the scene does not tell its GSD.
    """
    try:
        value = float(text.removesuffix('m'))
    except ValueError:
        msg = f'mask_stride={text!r} is neither pixels, such as 4, nor metres, such as '
        raise ValueError(msg + '40m') from None
    if not text.endswith('m'):
        if value not in MASK_STRIDES:
            msg = f'mask_stride={text} is not available, use one of '
            raise ValueError(msg + ', '.join(map(str, MASK_STRIDES)) + ', or metres')
        return int(value)
    area = pixel_area_ha(src.crs, src.transform, src.height / 2, src.width / 2)
    if area is None or not float(area) > 0:
        msg = (
            f'mask_stride={text!r} needs a scene with georeference, but {src.name} has '
        )
        raise ValueError(msg + 'none; give it in pixels')
    pixels = value / (100 * float(area) ** 0.5)
    # Rounded for grids whose pixels are nearly a whole number of metres.
    return max([s for s in MASK_STRIDES if s <= pixels * 1.01], default=1)


def _check_scenes(scenes: Sequence[str], segmenter: KTexturesSegmenter) -> None:
    bands = getattr(segmenter, 'bands_', None) or segmenter.bands
    counts = {}
    for scene in scenes:
        with open_raster(scene) as src:
            counts[scene] = src.count
            band_indexes(src, bands or raster_bands(src))
            if src.crs is None:
                print(f'{scene} has no georeference: its map has none either.')
    if bands is None and {min(n, 4) for n in counts.values()} == {3, 4}:
        three = min(counts, key=lambda scene: counts[scene])
        msg = (
            f'{three} has 3 bands and others have more; name the bands of all of them, '
        )
        raise ValueError(msg + "such as --bands '[red, green, blue]'")


def _fingerprint(scenes: Sequence[str], segmenter: KTexturesSegmenter) -> str:
    """Tell one fit from another by what it is made of."""
    params = segmenter.get_params()
    shown = {k: v for k, v in params.items() if k not in ('device', 'verbose')}
    parts = [__version__, str(shown)]
    for scene in scenes:
        stat = Path(scene).stat() if Path(scene).exists() else None
        found = stat and (stat.st_size, stat.st_mtime_ns)
        parts.append(f'{Path(scene).name} {found}')
    return hashlib.sha256('\n'.join(parts).encode()).hexdigest()[:16]


def _mosaic(options: Options, folder: Path, maps: Sequence[Path]) -> list[str]:
    """Put maps together, if that is asked for; the names of maps and mosaic."""
    files = [str(path) for path in maps]
    if options.mosaic != 'none':
        mosaic = folder / f'mosaic.{options.mosaic}'
        write_mosaic(maps, mosaic)
        files.append(str(mosaic))
    return files


def _is_done(
    options: Options, maps: Sequence[Sequence[Path]], legend: Path, run: str
) -> bool:
    """Whether there is nothing left to do, which is told without a fitted model."""
    if options.save_checkpoint is not None:
        return False
    if any(read_tags(path).get(_RUN_TAG) != run for kind in maps for path in kind):
        return False
    try:
        counts = [entry.pixels for entry in read_classes(legend)]
        report = Path(options.report).read_text('utf-8') if options.report else run
    except (OSError, ValueError):
        return False
    same = counts == [c.pixels for c in total_summaries(maps[0])[1]]
    return same and run in report


def _fit(
    segmenter: KTexturesSegmenter, scenes: Sequence[str], kept: Path
) -> KTexturesSegmenter:
    """Fit, or take up what was fitted when the command was stopped."""
    if kept.exists():
        print(f'Going on with the model of the last time ({kept}).')
        fitted = type(segmenter).load(kept)
        fitted.set_params(device=segmenter.device, verbose=segmenter.verbose)
        return fitted
    if segmenter.verbose:
        print(f'Fitting {segmenter.n_clusters} classes to {len(scenes)} scene(s)')
    segmenter.fit_model(scenes)
    segmenter.save(kept)
    release_memory()
    return segmenter


def _predict(
    segmenter: KTexturesSegmenter,
    scenes: Sequence[str],
    options: Options,
    writer: GeoTIFFWriter,
) -> None:
    with open_raster(scenes[0]) as src:
        bands = raster_bands(src, getattr(segmenter, 'bands_', None) or segmenter.bands)
    if len(bands) != segmenter.n_features_in_:
        msg = f'bands={bands} are {len(bands)}, but the model was fitted with '
        raise ValueError(f'{msg}{segmenter.n_features_in_}; name these')
    segmenter.bands_ = bands
    data = RasterDataModule(
        scenes,
        bands=bands,
        scale=segmenter.scale,
        nodata=segmenter.nodata,
        predict_tile_size=options.tile_size,
        margin=margin_of(segmenter.mask_stride),
    )
    predict_maps(segmenter.task_, data, writer, options.device, options.progress)
