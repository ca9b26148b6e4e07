# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Writing label maps on the grid of another raster."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import rasterio
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader, DatasetWriter

from .output import complete_file

#: Types and usages of columns in attribute tables of GDAL.
#: https://gdal.org/en/stable/api/raster_c_api.html
_COLUMNS = {
    'Value': ('0', '5'),
    'Class': ('2', '2'),
    'Count': ('0', '1'),
    'Area_ha': ('1', '0'),
    'Red': ('0', '6'),
    'Green': ('0', '7'),
    'Blue': ('0', '8'),
}


def create_map(
    path: Path, like: DatasetReader, dtype: str, nodata: int | None, **options: Any
) -> DatasetWriter:
    """Create a GeoTIFF of one band on the grid of a raster.

    Args:
        path: Path of the file.
        like: Open raster, or what has its grid.
        dtype: Data type.
        nodata: Value without class.
        **options: Further options of GDAL.

    Returns:
        The open file.
    """
    profile = {
        'driver': 'GTiff',
        'height': like.height,
        'width': like.width,
        'count': 1,
        'dtype': dtype,
        'nodata': nodata,
        'crs': like.crs,
        'tiled': True,
        'blockxsize': 256,
        'blockysize': 256,
        'compress': 'deflate',
        'bigtiff': 'if_safer',
        **options,
    }
    if like.transform is not None and not like.transform.is_identity:
        profile['transform'] = like.transform
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        dst = rasterio.open(path, 'w', **profile)
    points, crs = like.gcps
    if points:
        dst.gcps = points, crs or CRS()  # which may be unknown
    return dst


def write_attribute_table(
    path: Path,
    names: Sequence[str],
    colors: Mapping[int, Sequence[int]],
    counts: Sequence[int],
    areas: Sequence[float] | None,
) -> None:
    """Write the attribute table of a map, as QGIS and GDAL read it.

    Args:
        path: Path of the map; the table goes beside it, with ``.aux.xml`` added.
        names: Names of the classes in the order of their codes.
        colors: Red, green, blue by code.
        counts: Number of pixels of each class.
        areas: Hectares of each class, if known.
    """
    root = ElementTree.Element('PAMDataset')
    band = ElementTree.SubElement(root, 'PAMRasterBand', band='1')
    add_attribute_table(band, names, colors, counts, areas)
    ElementTree.indent(root)
    with complete_file(path.with_name(f'{path.name}.aux.xml')) as temporary:
        ElementTree.ElementTree(root).write(temporary, encoding='utf-8')


def add_attribute_table(
    band: ElementTree.Element,
    names: Sequence[str],
    colors: Mapping[int, Sequence[int]],
    counts: Sequence[int],
    areas: Sequence[float] | None,
) -> None:
    """Add names of classes and an attribute table to what GDAL keeps of a band.

    Args:
        band: Element of the band.
        names: Names of the classes in the order of their codes.
        colors: Red, green, blue by code.
        counts: Number of pixels of each class.
        areas: Hectares of each class, if known.
    """
    categories = ElementTree.SubElement(band, 'CategoryNames')
    for name in names:
        ElementTree.SubElement(categories, 'Category').text = name
    table = ElementTree.SubElement(
        band, 'GDALRasterAttributeTable', tableType='thematic'
    )
    columns = [c for c in _COLUMNS if c != 'Area_ha' or areas is not None]
    for i, column in enumerate(columns):
        field = ElementTree.SubElement(table, 'FieldDefn', index=str(i))
        kind, usage = _COLUMNS[column]
        ElementTree.SubElement(field, 'Name').text = column
        ElementTree.SubElement(field, 'Type').text = kind
        ElementTree.SubElement(field, 'Usage').text = usage
    for i, name in enumerate(names):
        row = ElementTree.SubElement(table, 'Row', index=str(i))
        cells = [i, name, int(counts[i])]
        cells += [] if areas is None else [f'{areas[i]:.6f}']
        for cell in (*cells, *colors[i][:3]):
            ElementTree.SubElement(row, 'F').text = str(cell)
