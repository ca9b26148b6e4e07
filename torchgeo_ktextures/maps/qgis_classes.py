# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Styles of classes, with names and colours, as QGIS reads them."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from .qgis_style import add_options, style_root, style_text

#: Table in which QGIS keeps styles, as it makes it:
#: https://github.com/qgis/QGIS/blob/master/src/core/providers/ogr/qgsogrprovider.cpp
_STYLES = """
CREATE TABLE layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256),
    f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256),
    styleName TEXT(30), styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN,
    description TEXT, owner TEXT(30), ui TEXT(30),
    update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
)
"""

#: Code, name and colour, red, green and blue in 0..255.
type ClassStyle = tuple[int, str, Sequence[int]]


def raster_style(classes: Iterable[ClassStyle]) -> str:
    """Make a style of a map that shows each class in its colour.

    Args:
        classes: Classes of the map.

    Returns:
        Style in the XML of QGIS 3.
    """
    root = style_root('Symbology')
    pipe = ElementTree.SubElement(root, 'pipe')
    renderer = ElementTree.SubElement(
        pipe,
        'rasterrenderer',
        type='paletted',
        band='1',
        opacity='1',
        alphaBand='-1',
        nodataColor='',
    )
    ElementTree.SubElement(renderer, 'rasterTransparency')
    palette = ElementTree.SubElement(renderer, 'colorPalette')
    for code, name, (red, green, blue) in classes:
        ElementTree.SubElement(
            palette,
            'paletteEntry',
            value=str(code),
            label=name,
            color=f'#{red:02x}{green:02x}{blue:02x}',
            alpha='255',
        )
    ElementTree.SubElement(root, 'blendMode').text = '0'
    return style_text(root)


def vector_style(classes: Iterable[ClassStyle], kind: Literal['fill', 'marker']) -> str:
    """Make a style of features that have the name of a class in a column ``class``.

    Args:
        classes: Classes of the features.
        kind: Whether they are polygons to fill or points to mark.

    Returns:
        Style in the XML of QGIS 3.
    """
    root = style_root('Symbology')
    renderer = ElementTree.SubElement(
        root, 'renderer-v2', type='categorizedSymbol', attr='class'
    )
    categories = ElementTree.SubElement(renderer, 'categories')
    symbols = ElementTree.SubElement(renderer, 'symbols')
    for number, (_, name, (red, green, blue)) in enumerate(classes):
        ElementTree.SubElement(
            categories,
            'category',
            value=name,
            label=name,
            symbol=str(number),
            render='true',
            type='string',
        )
        symbol = ElementTree.SubElement(
            symbols, 'symbol', type=kind, name=str(number), alpha='1'
        )
        color = f'{red},{green},{blue},255'
        if kind == 'fill':
            # Outlines of their own colour close the seams between polygons.
            layer = {'color': color, 'style': 'solid', 'outline_style': 'solid'}
            layer |= {'outline_color': color, 'outline_width': '0.1'}
        else:
            layer = {'name': 'circle', 'color': color, 'size': '2.4'}
            layer |= {'outline_color': '255,255,255,255', 'outline_width': '0.3'}
        name_of_layer = 'SimpleFill' if kind == 'fill' else 'SimpleMarker'
        add_options(
            ElementTree.SubElement(symbol, 'layer', {'class': name_of_layer}), layer
        )
    return style_text(root)


def add_style(path: Path, layer: str, style: str, description: str) -> None:
    """Put a style into a GeoPackage, so that QGIS opens a layer with it.

    Args:
        path: GeoPackage, in which there is no style yet.
        layer: Layer in it.
        style: Style in the XML of QGIS 3.
        description: What it shows.

    Raises:
        OSError: If it cannot be written.
    """
    try:
        with closing(sqlite3.connect(path)) as file, file:
            file.execute(_STYLES)
            file.execute(
                'INSERT INTO gpkg_contents (table_name, data_type, identifier) '
                "VALUES ('layer_styles', 'attributes', 'layer_styles')"
            )
            file.execute(
                'INSERT INTO layer_styles (f_table_catalog, f_table_schema, '
                'f_table_name, f_geometry_column, styleName, styleQML, styleSLD, '
                "useAsDefault, description, owner) VALUES ('', '', ?, 'geom', ?, ?, "
                "'', 1, ?, '')",
                (layer, layer, style, description),
            )
    except sqlite3.Error as error:
        raise OSError(str(error)) from error
