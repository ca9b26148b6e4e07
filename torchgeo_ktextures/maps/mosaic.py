# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Several maps as one."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import rasterio
from rasterio.io import DatasetReader
from rasterio.merge import merge
from rasterio.transform import from_origin
from rasterio.windows import Window

from .cog import finish_cog
from .output import WRITE_ERRORS, complete_file, scratch_file, write_error
from .reading import MODEL_TAG, NAMES_TAG, give_georeference, is_north_up, open_raster
from .sidecars import (
    clear_sidecars,
    describe_classes,
    warn_of_style,
    write_sidecars,
)
from .writing import add_attribute_table


def check_mosaic(paths: Sequence[str | Path]) -> None:
    """Check that rasters can be put together.

    Args:
        paths: Rasters.

    Raises:
        OSError: If one cannot be read.
        ValueError: If they differ in coordinate reference system or resolution, have
            none, or are not north-up.
    """
    with ExitStack() as stack:
        sources = [stack.enter_context(open_raster(path)) for path in paths]
        first = sources[0]
        for src in sources:
            if src.crs is None or src.transform.is_identity:
                msg = f'{src.name} has no georeference, so that it cannot be part of a '
                msg += f'mosaic; {give_georeference(src)}, or use '
                raise ValueError(f"{msg}mosaic='none'")
            if not is_north_up(src):
                msg = f'{src.name} is rotated, mirrored or has south up, so that it '
                msg += 'cannot be part of a mosaic; warp the scene with gdalwarp, '
                raise ValueError(f"{msg}which makes it north-up, or use mosaic='none'")
            if src.crs != first.crs:
                msg = f'{src.name} is in {src.crs}, but {first.name} in {first.crs}; '
                raise ValueError(msg + "a mosaic needs one, use mosaic='none'")
            if not np.allclose(src.res, first.res, rtol=1e-6):
                msg = f'{src.name} has pixels of {src.res}, but {first.name} of '
                msg += f"{first.res}; a mosaic needs one size, use mosaic='none'"
                raise ValueError(msg)


def write_mosaic(maps: Sequence[Path], output: Path) -> None:
    """Put maps together; where they overlap, the first one counts.

    Args:
        maps: Maps of the same classes.
        output: File to write, ``.vrt`` to refer to the maps or ``.tif`` to hold them.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If they do not share a grid.
    """
    check_mosaic(maps)
    if output.suffix == '.vrt':
        with complete_file(output) as temporary:
            root = _vrt(maps, output.parent)
            _write(temporary, root)
            with rasterio.open(temporary) as src:
                classes = describe_classes(src)
            band = root.find('VRTRasterBand')
            assert band is not None
            colors = dict(enumerate(classes.colors))
            counts = classes.pixels, classes.areas
            add_attribute_table(band, classes.names, colors, *counts)
            _write(temporary, root)
            clear_sidecars(output)
        warn_of_style(output)
        write_sidecars(output, classes)
        return
    tags, band_tags = _shared_tags(maps)
    with rasterio.open(maps[0]) as src:
        colors = src.colormap(1)
    with scratch_file(output, 'merged') as merged:
        try:
            merge(
                list(maps),
                dst_path=merged,
                dst_kwds={
                    'driver': 'GTiff',
                    'compress': 'deflate',
                    'tiled': True,
                    'blockxsize': 256,
                    'blockysize': 256,
                    'bigtiff': 'if_safer',
                },
            )
            with rasterio.open(merged, 'r+') as dst:
                dst.write_colormap(1, colors)
                dst.set_band_description(1, 'class')
                dst.update_tags(**tags)
                dst.update_tags(1, **band_tags)
        except WRITE_ERRORS as error:
            raise write_error(output, error) from None
        finish_cog(merged, output)


def _shared_tags(maps: Sequence[Path]) -> tuple[dict[str, str], dict[str, str]]:
    """Tags that all maps have alike: the model that made them, and names of classes.

    Those of the raster, and those of its band.
    """
    models, names = set(), set()
    for path in maps:
        with rasterio.open(path) as src:
            models.add(src.tags().get(MODEL_TAG))
            names.add(src.tags(1).get(NAMES_TAG))
    (model, *others), (name, *more) = models, names
    return (
        {MODEL_TAG: model} if model and not others else {},
        {NAMES_TAG: name} if name and not more else {},
    )


def _write(path: Path, root: ElementTree.Element) -> None:
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding='unicode') + '\n'
    path.write_text(text, encoding='utf-8')


def _vrt(maps: Sequence[Path], folder: Path) -> ElementTree.Element:
    """Virtual raster of GDAL (https://gdal.org/en/stable/drivers/raster/vrt.html)."""
    with ExitStack() as stack:
        sources: list[DatasetReader] = [
            stack.enter_context(rasterio.open(path)) for path in maps
        ]
        first = sources[0]
        xres, yres = first.res
        left = min(src.bounds.left for src in sources)
        top = max(src.bounds.top for src in sources)
        width = round((max(src.bounds.right for src in sources) - left) / xres)
        height = round((top - min(src.bounds.bottom for src in sources)) / yres)
        root = ElementTree.Element(
            'VRTDataset', rasterXSize=str(width), rasterYSize=str(height)
        )
        ElementTree.SubElement(root, 'SRS').text = first.crs.to_wkt()
        transform = from_origin(left, top, xres, yres).to_gdal()
        text = ', '.join(repr(float(value)) for value in transform)
        ElementTree.SubElement(root, 'GeoTransform').text = text
        tags, band_tags = _shared_tags(maps)
        _metadata(root, tags)
        kind = {'uint8': 'Byte', 'uint16': 'UInt16'}[first.dtypes[0]]
        band = ElementTree.SubElement(root, 'VRTRasterBand', dataType=kind, band='1')
        ElementTree.SubElement(band, 'Description').text = 'class'
        _metadata(band, band_tags)
        ElementTree.SubElement(band, 'NoDataValue').text = str(int(first.nodata))
        ElementTree.SubElement(band, 'ColorInterp').text = 'Palette'
        table = ElementTree.SubElement(band, 'ColorTable')
        for _, color in sorted(first.colormap(1).items()):
            names = zip(('c1', 'c2', 'c3', 'c4'), map(str, color), strict=True)
            ElementTree.SubElement(table, 'Entry', dict(names))
        for src in reversed(sources):  # the last one is on top
            source = ElementTree.SubElement(band, 'ComplexSource')
            name = ElementTree.SubElement(source, 'SourceFilename', relativeToVRT='1')
            name.text = os.path.relpath(src.name, folder)
            ElementTree.SubElement(source, 'SourceBand').text = '1'
            row = (top - src.bounds.top) / yres
            col = (src.bounds.left - left) / xres
            for tag, window in (
                ('SrcRect', Window(0, 0, src.width, src.height)),
                ('DstRect', Window(col, row, src.width, src.height)),
            ):
                values = (window.col_off, window.row_off, window.width, window.height)
                keys = ('xOff', 'yOff', 'xSize', 'ySize')
                rect = {k: str(v) for k, v in zip(keys, values, strict=True)}
                ElementTree.SubElement(source, tag, rect)
            ElementTree.SubElement(source, 'NODATA').text = str(int(src.nodata))
    return root


def _metadata(parent: ElementTree.Element, tags: dict[str, str]) -> None:
    metadata = ElementTree.SubElement(parent, 'Metadata')
    for key, value in tags.items():
        ElementTree.SubElement(metadata, 'MDI', key=key).text = value
