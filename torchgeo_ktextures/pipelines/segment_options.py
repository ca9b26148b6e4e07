# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What the segment command is asked for, and whether that can be."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rasterio.io import DatasetReader

from ..clustering.numbers import parse_n_clusters
from ..datasets.rasters import RASTER_SUFFIXES
from ..datasets.validity import InvalidIf
from ..maps.area import ground_sample_distance
from ..models import MASK_STRIDES

#: Ends of names that people give to maps, and never to folders.
_OTHER_FORMATS = (
    '.img', '.vrt', '.png', '.jpg', '.jpeg', '.jp2', '.nc', '.gpkg', '.shp', '.kml',
    '.asc', '.bil', '.hdf', '.h5', '.geojson', '.pdf', '.zip',
)  # fmt: skip


@dataclass
class Options:
    """What is asked for, see :func:`torchgeo_ktextures.commands.segment.segment`."""

    scenes: Sequence[str]
    output: str
    n_clusters: int | str | None
    bands: Sequence[str | int] | None
    scale: float | None
    nodata: Sequence[float] | None
    invalid_if: InvalidIf
    normalize: str | None
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
    on_error: str | None
    tile_size: int
    progress: bool
    suggest: int | None = None
    ignore_scale: bool = False
    adapt: bool = False
    backbone: str | None = None
    backbone_weights: str | None = None
    jobs: int = 1
    manifest: str | None = None

    def __post_init__(self) -> None:
        """Find the home folder of the user in paths, and check the number of classes.

        Raises:
            ValueError: If it is neither a number nor a range, there is no model to
                adapt, or no process.
        """
        if self.adapt and self.checkpoint is None:
            msg = 'adapt=True needs a fitted model; name one with --checkpoint, or fit '
            raise ValueError(f'{msg}on all dates together with --normalize relative')
        if self.jobs < 1:
            raise ValueError(f'jobs={self.jobs} must be at least 1')
        if self.n_clusters is not None:
            number = parse_n_clusters(self.n_clusters)
            self.n_clusters = self.n_clusters if isinstance(number, range) else number
        self.scenes = [_expand(scene) for scene in self.scenes]
        self.output = _expand(self.output)
        paths = ['checkpoint', 'save_checkpoint', 'legend', 'report', 'manifest']
        paths.append('backbone_weights')
        for name in paths:
            value = getattr(self, name)
            setattr(self, name, None if value is None else _expand(value))


def _expand(path: str) -> str:
    return str(Path(path).expanduser()) if path.startswith('~') else path


def is_single(output: Path) -> bool:
    """Whether an output is one map, and not a folder of maps."""
    suffix = output.suffix.lower()
    if suffix in RASTER_SUFFIXES:
        return True
    if suffix in _OTHER_FORMATS and not output.is_dir():
        msg = (
            f'output={str(output)!r} is not a GeoTIFF; give a name that ends in .tif, '
        )
        raise ValueError(msg + 'or a folder')
    return False


def check_output(
    options: Options,
    scenes: Sequence[str],
    output: Path,
    single: bool,
    maps: Sequence[Sequence[Path]],
) -> None:
    """Check that maps and what belongs to them can be written, and overwrite no scene."""
    if single and len(scenes) > 1:
        msg = f'output={str(output)!r} is one map, but there are {len(scenes)} scenes; '
        raise ValueError(msg + 'give a folder for their maps')
    folder = output.parent if single else output
    if single and output.is_dir():
        raise ValueError(f'output={str(output)!r} is a folder, give a file name')
    if folder.exists() and not folder.is_dir():
        raise ValueError(f'output={str(folder)!r} is a file, give a folder')
    _check_folder(folder if single or folder.exists() else folder.parent)
    given = [options.legend, options.report, options.save_checkpoint, options.manifest]
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
        value = float(text.removesuffix('px').removesuffix('m'))
    except ValueError:
        msg = f'mask_stride={text!r} is neither pixels, such as 4, nor metres, such as '
        raise ValueError(msg + '40m') from None
    if not text.endswith('m'):
        if value not in MASK_STRIDES:
            msg = f'mask_stride={text} is not available, use one of '
            raise ValueError(msg + ', '.join(map(str, MASK_STRIDES)) + ', or metres')
        return int(value)
    gsd = ground_sample_distance(src.crs, src.transform, src.height, src.width)
    if gsd is None:
        msg = (
            f'mask_stride={text!r} needs a scene with georeference, but {src.name} has '
        )
        raise ValueError(msg + 'none; give it in pixels')
    pixels = value / gsd
    # Rounded for grids whose pixels are nearly a whole number of metres.
    return max([s for s in MASK_STRIDES if s <= pixels * 1.01], default=1)
