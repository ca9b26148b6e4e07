# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Styles as QGIS reads them, and that of points to label."""

from collections.abc import Sequence
from xml.etree import ElementTree

#: Points without a class, and those that have one: filter, colour and label.
_RULES = (
    ('"class" is null or "class" = \'\'', '227,26,28,255', 'to label'),
    ('"class" <> \'\'', '51,160,44,255', 'labelled'),
)


def point_style(names: Sequence[str]) -> str:
    """Make a style in which the order is the label, and the class is chosen.

    Args:
        names: Classes to choose from. Without any, the form takes text, and offers
            what was typed before.

    Returns:
        Style in the XML of QGIS 3.
    """
    root = style_root('Symbology|Labeling|Fields|Forms', labelsEnabled='1')
    _renderer(root)
    _labels(root)
    fields = ElementTree.SubElement(root, 'fieldConfiguration')
    widget = ElementTree.SubElement(
        ElementTree.SubElement(fields, 'field', name='class'),
        'editWidget',
        type='ValueMap' if names else 'UniqueValues',
    )
    config = ElementTree.SubElement(widget, 'config')
    options = ElementTree.SubElement(config, 'Option', type='Map')
    if names:
        listed = ElementTree.SubElement(options, 'Option', type='List', name='map')
        for name in names:
            one = ElementTree.SubElement(listed, 'Option', type='Map')
            ElementTree.SubElement(one, 'Option', type='QString', name=name, value=name)
    else:
        ElementTree.SubElement(
            options, 'Option', type='bool', name='Editable', value='true'
        )
    return style_text(root)


def style_root(categories: str, **attributes: str) -> ElementTree.Element:
    """Begin a style.

    Args:
        categories: What it is about, as QGIS names it, separated by bars.
        **attributes: Further attributes.

    Returns:
        The root of the XML.
    """
    return ElementTree.Element(
        'qgis', {'version': '3.22', 'styleCategories': categories, **attributes}
    )


def style_text(root: ElementTree.Element) -> str:
    """Finish a style.

    Args:
        root: What :func:`style_root` began.

    Returns:
        Text of a file of QGIS.
    """
    ElementTree.indent(root)
    text: str = ElementTree.tostring(root, encoding='unicode')
    return f"<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n{text}\n"


def _renderer(root: ElementTree.Element) -> None:
    renderer = ElementTree.SubElement(root, 'renderer-v2', type='RuleRenderer')
    rules = ElementTree.SubElement(renderer, 'rules', key='all')
    symbols = ElementTree.SubElement(renderer, 'symbols')
    for number, (where, color, label) in enumerate(_RULES):
        ElementTree.SubElement(
            rules,
            'rule',
            key=f'rule{number}',
            filter=where,
            symbol=str(number),
            label=label,
        )
        symbol = ElementTree.SubElement(
            symbols, 'symbol', type='marker', name=str(number), alpha='1'
        )
        # A ring: the pixel in the middle is to be seen.
        layer = {'name': 'circle', 'color': '255,255,255,0', 'size': '4'}
        layer |= {'outline_color': color, 'outline_width': '0.6'}
        add_options(
            ElementTree.SubElement(symbol, 'layer', {'class': 'SimpleMarker'}), layer
        )


def _labels(root: ElementTree.Element) -> None:
    labels = ElementTree.SubElement(root, 'labeling', type='simple')
    settings = ElementTree.SubElement(labels, 'settings')
    text = ElementTree.SubElement(
        settings,
        'text-style',
        fieldName='order',
        fontSize='10',
        fontWeight='75',
        fontFamily='Sans',
        textColor='255,255,255,255',
        isExpression='0',
    )
    ElementTree.SubElement(
        text,
        'text-buffer',
        bufferDraw='1',
        bufferSize='0.5',
        bufferSizeUnits='MM',
        bufferColor='0,0,0,255',
    )
    ElementTree.SubElement(
        settings, 'placement', placement='0', dist='2', distUnits='MM'
    )
    # All of them, however near.
    ElementTree.SubElement(settings, 'rendering', displayAll='1')


def add_options(layer: ElementTree.Element, values: dict[str, str]) -> None:
    """Set what a layer of a symbol looks like.

    Args:
        layer: Element of the layer.
        values: Names and values of its properties.
    """
    options = ElementTree.SubElement(layer, 'Option', type='Map')
    for name, value in values.items():
        ElementTree.SubElement(
            options, 'Option', type='QString', name=name, value=value
        )
        # As QGIS before 3.22 reads it.
        ElementTree.SubElement(layer, 'prop', k=name, v=value)
