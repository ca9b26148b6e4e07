# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What belongs to a map: names, colours and areas for QGIS and GDAL."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader

from ..errors import DataWarning
from .area import Area, class_areas_ha
from .output import complete_file
from .qgis_classes import raster_style
from .reading import class_names, map_colors, nodata_of, read_part, windows
from .writing import write_attribute_table

#: What tells styles that are written here, and that nobody has edited, from others.
_MARK = '<!-- written by torchgeo-ktextures with the map -->\n'


@dataclass(frozen=True)
class MapClasses:
    """Classes of a map in the order of their codes."""

    names: Sequence[str]
    #: Red, green and blue, 0 to 255.
    colors: Sequence[tuple[int, int, int]]
    pixels: Sequence[int]
    #: Hectares on the ground, None for a map without georeference.
    areas: Sequence[float] | None


def sidecar_paths(path: Path) -> tuple[Path, Path]:
    """Name what belongs to a map.

    Args:
        path: Path of the map.

    Returns:
        Its attribute table, and its style for QGIS.
    """
    return path.with_name(f'{path.name}.aux.xml'), path.with_suffix('.qml')


def describe_classes(src: DatasetReader) -> MapClasses:
    """Count the pixels of the classes of a map, and measure their areas.

    Args:
        src: Open map.

    Returns:
        Classes with names and colours.
    """
    size = int(np.iinfo(src.dtypes[0]).max) + 1
    pixels = np.zeros(size, np.int64)
    areas: Area | None = np.zeros(size)
    # No class, even in what is measured where that has no meaning.
    placed = src.crs is not None and not src.transform.is_identity
    for window in windows(src):
        part = read_part(src, window)
        pixels += np.bincount(part.ravel(), minlength=size)
        here = None
        if placed:
            place = window.row_off, window.col_off, size
            here = class_areas_ha(part, src.crs, src.transform, *place)
        areas = None if areas is None or here is None else areas + here
    pixels[nodata_of(src)] = 0
    names = class_names(src, pixels)
    count = len(names)
    return MapClasses(
        names,
        map_colors(src, range(count)),
        pixels[:count].tolist(),
        None if areas is None else areas[:count].tolist(),
    )


def clear_sidecars(path: Path, is_map: bool = True) -> None:
    """Remove what belongs to an earlier map of the same name, before it is replaced.

    Args:
        path: Path of the map.
        is_map: Whether the new one has classes. What shows no classes may have a style
            of a user, which stays.
    """
    table, style = sidecar_paths(path)
    table.unlink(missing_ok=True)
    if style.exists() and (_is_own(style) or (is_map and path.exists())):
        style.unlink()


def write_sidecars(path: Path, classes: MapClasses | None = None) -> None:
    """Write what belongs to a map and is not there.

    That is an attribute table, see :func:`write_attribute_table`, and a style in which
    QGIS shows the classes that are in use. QGIS finds it by its name.

    Args:
        path: Finished map. Nothing is written for a raster without a colour table.
        classes: Its classes, if they have been counted.

    Raises:
        OSError: If something cannot be written.
    """
    table, style = sidecar_paths(path)
    if table.exists() and style.exists():
        return
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        with rasterio.open(path) as src:
            if not has_colors(src):
                return
            found = classes or describe_classes(src)
    if not table.exists() and path.suffix.lower() != '.vrt':
        colors = dict(enumerate(found.colors))
        write_attribute_table(path, found.names, colors, found.pixels, found.areas)
    if not style.exists():
        shown = zip(range(len(found.names)), found.names, found.colors, strict=True)
        text = raster_style(one for one in shown if found.pixels[one[0]])
        with complete_file(style) as temporary:
            temporary.write_text(text + _MARK, encoding='utf-8')


def has_colors(src: DatasetReader) -> bool:
    """Whether a raster shows classes.

    Args:
        src: Open raster.

    Returns:
        True if it has a colour table.
    """
    try:
        src.colormap(1)
    except ValueError:
        return False
    return True


def warn_of_style(path: Path) -> None:
    """Warn if QGIS would show a map in the style of another file.

    Args:
        path: Map, of which :func:`clear_sidecars` has removed what belonged to it.

    Warns:
        DataWarning: If there is a style of its name.
    """
    style = sidecar_paths(path)[1]
    if style.exists():
        msg = f'{style} was there before {path.name} and is left as it is; QGIS shows '
        msg += 'the map in that style, give the map another name'
        warnings.warn(msg, DataWarning, stacklevel=3)


def _is_own(style: Path) -> bool:
    try:
        return _MARK.strip() in style.read_text('utf-8')
    except (OSError, UnicodeDecodeError):
        return False
