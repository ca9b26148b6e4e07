# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Segmenting scenes into maps: what the command does."""

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rasterio.io import DatasetReader

from . import __version__
from .callbacks import GeoTIFFWriter
from .datamodules import RasterDataModule
from .datasets import MapGrid, band_indexes, open_raster, raster_bands
from .datasets.rasters import RASTER_SUFFIXES, list_rasters
from .estimator import KTexturesSegmenter
from .maps.area import pixel_area_ha
from .maps.mosaic import check_mosaic, write_mosaic
from .models import MASK_STRIDES
from .segment_results import check_legend, print_summary, write_legend
from .trainer import make_trainer, margin_of, quiet, release_memory


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

    def _path(self, grid: MapGrid, suffix: str) -> Path:
        if self.output is None:
            return super()._path(grid, suffix)
        if suffix == self.suffix:
            return self.output
        return self.output.with_name(f'{self.output.stem}{suffix}.tif')


def segment_scenes(options: Options) -> None:
    """Segment scenes.

    Args:
        options: What is asked for.

    Raises:
        FileNotFoundError: If a scene or a folder does not exist.
        OSError: If something cannot be written.
        ValueError: If scenes or options do not fit.
    """
    scenes = list_rasters(options.scenes)
    output = Path(options.output)
    single = output.suffix.lower() in RASTER_SUFFIXES
    _check_output(options, scenes, output, single)
    folder = output.parent if single else output
    legend = Path(options.legend) if options.legend else folder / 'classes.yaml'
    check_legend(legend)
    segmenter = _prepare(options, scenes)
    _check_scenes(scenes, segmenter)
    if options.mosaic != 'none':
        check_mosaic(scenes)
    folder.mkdir(exist_ok=True)
    kept = None
    if options.checkpoint is None:
        kept = folder / f'.{output.stem}.{_fingerprint(scenes, segmenter)}.ckpt'
        segmenter = _fit(segmenter, scenes, kept)
    if options.save_checkpoint is not None:
        segmenter.save(options.save_checkpoint)
    maps = _predict(
        segmenter, scenes, options, _Writer(output, single, options.confidence)
    )
    files = [str(path) for path in maps]
    if options.mosaic != 'none':
        mosaic = folder / f'mosaic.{options.mosaic}'
        write_mosaic(maps, mosaic)
        files.append(str(mosaic))
    files += write_legend(legend, maps, segmenter)
    if options.report is not None:
        from .report import write_report

        write_report(Path(options.report), scenes, maps, segmenter)
        files.append(options.report)
    if options.save_checkpoint is not None:
        files.append(options.save_checkpoint)
    if kept is not None:
        kept.unlink(missing_ok=True)
    print_summary(maps, files)


def _check_output(
    options: Options, scenes: Sequence[str], output: Path, single: bool
) -> None:
    if single and len(scenes) > 1:
        msg = f'output={str(output)!r} is one map, but there are {len(scenes)} scenes; '
        raise ValueError(msg + 'give a folder for their maps')
    folder = output.parent if single else output
    if single and output.is_dir():
        raise ValueError(f'output={str(output)!r} is a folder, give a file name')
    if folder.exists() and not folder.is_dir():
        raise ValueError(f'output={str(folder)!r} is a file, give a folder')
    existing = folder if folder.exists() else folder.parent
    if not existing.is_dir() or (single and not folder.exists()):
        missing = folder if single else existing
        msg = f'folder {str(missing)!r} for the output does not exist; make it, or '
        raise FileNotFoundError(msg + 'choose another output')
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        msg = (
            f'folder {str(existing)!r} cannot be written to ({error.strerror}); choose '
        )
        raise OSError(msg + 'another output') from None
    inputs = {Path(scene).resolve() for scene in scenes}
    targets = [output, options.legend, options.report, options.save_checkpoint]
    for target in targets:
        if target is not None and Path(target).resolve() in inputs:
            msg = (
                f'{target} is a scene, which would be overwritten; choose another name'
            )
            raise ValueError(msg)


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
        parts.append(f'{scene} {stat and (stat.st_size, stat.st_mtime_ns)}')
    return hashlib.sha256('\n'.join(parts).encode()).hexdigest()[:16]


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
) -> list[Path]:
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
    trainer = make_trainer(options.device, options.progress, [writer])
    with quiet(options.progress), torch.random.fork_rng():
        trainer.predict(segmenter.task_, datamodule=data, return_predictions=False)
    return writer.outputs
