# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Reading label maps part by part."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike

import numpy as np
import numpy.typing as npt
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from .. import sources
from ..colors import class_colors
from ..errors import UnreadableError

#: Tag of the band that holds the names of the classes, as JSON.
NAMES_TAG = 'CLASS_NAMES'

#: Tag of the band that holds pixels, areas and spectra of the classes, as JSON.
CLASSES_TAG = 'KTEXTURES_CLASSES'

#: Tag of a map that tells which model made it. Maps of one model mean the same by the
#: same number.
MODEL_TAG = 'KTEXTURES_MODEL'

type Labels = npt.NDArray[np.integer]


def open_raster(path: str | PathLike[str], what: str = 'raster') -> DatasetReader:
    """Open a raster for reading, with or without georeference.

    Args:
        path: Path of the raster, see :func:`torchgeo_ktextures.sources.open_raster`.
        what: What it is, for errors.

    Returns:
        The open raster.

    Raises:
        FileNotFoundError: If there is none.
        UnreadableError: If it cannot be read.
    """
    return sources.open_raster(path, what)


def open_labels(path: str | PathLike[str]) -> DatasetReader:
    """Open a label map.

    Args:
        path: Path of the map.

    Returns:
        The open map.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no raster of one band of 8 or 16 bits without sign.
    """
    src = open_raster(path, 'label map')
    if src.count != 1 or src.dtypes[0] not in ('uint8', 'uint16'):
        msg = f'{path} has {src.count} bands of {src.dtypes[0]}, but a label map has '
        msg += 'one of uint8 or uint16; name the map of classes, not the scene'
        src.close()
        raise ValueError(msg)
    return src


def read_part(src: DatasetReader, window: Window) -> Labels:
    """Read a part of a raster of one band.

    Args:
        src: Open raster.
        window: Part to read.

    Returns:
        Values of shape ``(H, W)``.

    Raises:
        UnreadableError: If it cannot be read.
    """
    with damage_named(src):
        values: Labels = src.read(1, window=window)
    return values


@contextmanager
def damage_named(src: DatasetReader) -> Iterator[None]:
    """Say which raster it is that cannot be read.

    Args:
        src: Open raster.

    Yields:
        Nothing.

    Raises:
        UnreadableError: If it cannot be read.
    """
    try:
        yield
    except RasterioError as error:
        raise sources.damaged(sources.source_name(src), error) from None


def nodata_of(src: DatasetReader) -> int:
    """Value without class of a label map: its nodata value, or the largest."""
    largest = int(np.iinfo(src.dtypes[0]).max)
    # No pixel has another one, such as -9999 or NaN.
    usable = src.nodata is not None and src.nodata in range(largest + 1)
    return int(src.nodata) if usable else largest


def class_names(
    src: DatasetReader, counts: npt.NDArray[np.int64] | None = None
) -> list[str]:
    """Names of the classes of a label map.

    Args:
        src: Open map.
        counts: Number of pixels by code, if known.

    Returns:
        Names in the order of the codes: those that ``relabel`` gave, or ``class 0``
        and so on up to the largest code.

    Raises:
        UnreadableError: If they cannot be read.
    """
    text = src.tags(1).get(NAMES_TAG)
    if text is not None:
        try:
            names = json.loads(text)
        except (ValueError, RecursionError):
            names = None
        if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
            msg = f'{src.name} has names of classes that cannot be read; the file is '
            raise UnreadableError(f'{msg}damaged, make it again with relabel')
        return names
    codes = np.flatnonzero(count_labels(src) if counts is None else counts)
    return [f'class {i}' for i in range(codes[-1] + 1 if len(codes) else 0)]


def told_classes(src: DatasetReader) -> int | None:
    """Number of classes that a map tells of, those without pixels included.

    Args:
        src: Open map.

    Returns:
        Number, or None for maps of other software, and merged ones.
    """
    try:
        return len(json.loads(src.tags(1)[CLASSES_TAG])['classes'])
    except (KeyError, TypeError, ValueError):
        return None


def class_color(src: DatasetReader, code: int) -> tuple[int, int, int]:
    """Colour of a class in the colour table of a map, else the usual one.

    Args:
        src: Open map.
        code: Code of the class.

    Returns:
        Red, green and blue, 0 to 255.
    """
    return map_colors(src, [code])[0]


def map_colors(src: DatasetReader, codes: Sequence[int]) -> list[tuple[int, int, int]]:
    """Colours of classes in the colour table of a map, else the usual ones.

    Args:
        src: Open map.
        codes: Codes of the classes.

    Returns:
        Red, green and blue of each, 0 to 255.
    """
    try:
        table = src.colormap(1)
    except ValueError:
        table = {}
    found = []
    for code in codes:  # a table may be too short
        red, green, blue, _ = table.get(code) or class_colors(code + 1)[code]
        found.append((red, green, blue))
    return found


def windows(src: DatasetReader, size: int = 1024) -> Iterator[Window]:
    """Divide a raster into parts.

    Args:
        src: Open raster.
        size: Height and width of the parts.

    Yields:
        Windows in reading order.
    """
    for row in range(0, src.height, size):
        for col in range(0, src.width, size):
            yield Window(
                col, row, min(size, src.width - col), min(size, src.height - row)
            )


def count_labels(src: DatasetReader) -> npt.NDArray[np.int64]:
    """Count the pixels of each code of a label map.

    Args:
        src: Open map.

    Returns:
        Counts of shape ``(256,)`` or ``(65536,)``, 0 for nodata.
    """
    size = int(np.iinfo(src.dtypes[0]).max) + 1
    counts = np.zeros(size, np.int64)
    for window in windows(src):
        counts += np.bincount(read_part(src, window).ravel(), minlength=size)
    counts[nodata_of(src)] = 0
    return counts


def check_same_grid(a: DatasetReader, b: DatasetReader) -> None:
    """Check that two rasters have the same pixels.

    Args:
        a: Open raster.
        b: Open raster.

    Raises:
        ValueError: If they differ in size, place or coordinate reference system.
    """
    differences = []
    if a.shape != b.shape:
        differences.append(f'{a.height} x {a.width} and {b.height} x {b.width} pixels')
    if a.crs != b.crs:
        differences.append(f'CRS {a.crs} and {b.crs}')
    # Far corners may differ by a hundredth of a pixel.
    scale = max(a.height, a.width) * np.array([1, 1, 0, 1, 1, 0]) + [0, 0, 1, 0, 0, 1]
    shift = abs(np.array(a.transform[:6]) - np.array(b.transform[:6])) * scale
    pixel = np.hypot(a.transform.a, a.transform.d)
    if a.shape == b.shape and (shift > pixel / 100).any():
        differences.append(f'transforms {a.transform[:6]} and {b.transform[:6]}')
    if differences:
        msg = f'{a.name} and {b.name} are on different grids: '
        msg += f'{"; ".join(differences)}; use rasters of the same scene, or warp one '
        msg += 'to the grid of the other with rio warp --like'
        raise ValueError(msg)


def give_georeference(src: DatasetReader) -> str:
    """What to do about a raster without georeference.

    Args:
        src: Open raster.

    Returns:
        A part of a sentence.
    """
    if src.gcps[0]:
        return 'it has ground control points, warp the scene by them with gdalwarp'
    return 'give the scene one, as with rio edit-info, and segment it again'


def check_georeference(src: DatasetReader) -> None:
    """Check that pixels of a raster have a place.

    Args:
        src: Open raster.

    Raises:
        ValueError: If they have none.
    """
    if src.crs is None or src.transform.is_identity:
        msg = f'{src.name} has no georeference, so points have no place in it; '
        raise ValueError(msg + give_georeference(src))


def is_north_up(src: DatasetReader) -> bool:
    """Whether columns go east and rows go south.

    Args:
        src: Open raster.

    Returns:
        False for rasters that are rotated, mirrored or have south up.
    """
    t = src.transform
    return t.a > 0 and t.e < 0 and not t.b and not t.d
