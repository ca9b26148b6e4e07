# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Parts of the report of a segmentation that are about its classes."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ..inference.statistics import ClassSummary
from ..maps.charts import SpectrumCharts


def css_color(color: Sequence[int]) -> str:
    """Colour as CSS has it.

    Args:
        color: Red, green and blue from 0 to 255.

    Returns:
        Such as ``rgb(31,119,180)``.
    """
    return f'rgb({",".join(str(value) for value in color[:3])})'


def spectrum_of(summary: ClassSummary) -> npt.NDArray[np.float64]:
    """Mean and standard deviation of the bands.

    Args:
        summary: What is known of a class.

    Returns:
        Both, of shape ``(2, C)``, or ``(2, 0)`` without pixels.
    """
    return np.array([summary.mean, summary.std], np.float64)


def views_panel(
    pictures: Mapping[str, str],
    found: str,
    kmeans: str,
    shape: tuple[int, int],
    count: int,
    note: str,
) -> str:
    """Map, what it is of, and what colours it.

    Args:
        pictures: Pictures of the scene by their titles, as data addresses.
        found: Picture of the map.
        kmeans: Picture of classes by k-means.
        shape: Height and width of the map in the page.
        count: Number of classes.
        note: What is to be said of the pictures, as HTML.

    Returns:
        HTML.
    """
    named = dict(pictures) | {f'k-means on pixels, {count} classes': kmeans}
    figures, choices = [], []
    for i, (title, address) in enumerate(named.items()):
        figures.append(
            f'<figure id="view{i}"><div class="stack"><img src="{address}" '
            f'alt="{title}"><i></i></div><figcaption>{title}</figcaption></figure>'
        )
        checked = ' checked' if i == 0 else ''
        choices.append(
            f'<label><input type="radio" name="view" value="view{i}"{checked}> {title}'
            '</label>'
        )
    height, width = shape
    text = 'Point at a picture to read its class; press to highlight the class.'
    return (
        '<h2>Map</h2><div class="script" id="options"><fieldset><legend>Picture</legend>'
        f'{"".join(choices)}</fieldset>'
        '<label>Opacity of the map <input type="range" id="opacity" min="0" max="100" '
        'value="100"> <span id="percent">100 %</span></label>'
        '<label><input type="checkbox" id="side" checked> Side by side</label></div>'
        f'<div class="views">{"".join(figures)}<figure id="found"><div class="stack">'
        f'<img class="classes" id="classes" src="{found}" alt="map of the classes">'
        f'<canvas id="painted" width="{width}" height="{height}" role="img" '
        'aria-label="map of the classes"></canvas><i></i></div>'
        f'<figcaption>k-textures, <span data-k>{count}</span> classes</figcaption>'
        f'</figure></div><p class="script note" id="here" data-text="{text}">{text}</p>'
        f'<p class="note">{note}</p>'
    )


def chips_panel(order: Sequence[int], colors: Sequence[str]) -> str:
    """Buttons that highlight classes.

    Args:
        order: Numbers of the classes in their order.
        colors: Colour of each class, as CSS has it.

    Returns:
        HTML.
    """
    return (
        '<div class="chips" role="group" aria-label="classes">'
        + ''.join(
            f'<button type="button" data-class="{i}" data-kind="chip" aria-pressed="false">'
            f'{swatch(colors[i])}<span class="label">{i}</span></button>'
            for i in order
        )
        + '</div>'
    )


def tree_panel(
    drawn: tuple[str, str],
    order: Sequence[int],
    colors: Sequence[str],
    textures: Sequence[str],
) -> str:
    """Tree of the classes, with their textures.

    Args:
        drawn: What :func:`~torchgeo_ktextures.maps.dendrogram.draw_tree` gives.
        order: Numbers of the classes in the order of the tree.
        colors: Colour of each class, as CSS has it.
        textures: Textures as data addresses.

    Returns:
        HTML.
    """
    leaves = ''.join(
        f'<button type="button" data-class="{i}" data-kind="leaf" aria-pressed="false">'
        f'{swatch(colors[i])}<img src="{textures[i]}" alt=""><span class="label">'
        f'{i}</span></button>'
        for i in order
    )
    bars, branches = drawn
    return (
        '<h2>Tree of classes</h2><p>From left to right, two classes become one at each '
        'step: those that lose least by it. The dashed line is the number of classes '
        'that is shown. The bars say what each step costs, compared with the highest: '
        'a number of classes just before a high bar is a good one.</p>'
        '<div class="branches"><div class="head">cost of each step<br>number of classes'
        f'</div>{bars}<div class="leaves">{leaves}</div>{branches}</div>'
    )


def classes_panel(
    classes: Sequence[ClassSummary],
    order: Sequence[int],
    colors: Sequence[str],
    textures: Sequence[str],
    examples: Sequence[str | None],
    charts: SpectrumCharts,
    note: str,
) -> str:
    """Table of the classes.

    Args:
        classes: What is known of each class.
        order: Numbers of the classes in the order to show.
        colors: Colour of each class, as CSS has it.
        textures: Textures as data addresses.
        examples: Examples as data addresses.
        charts: Draws spectra.
        note: What is to be said of the table, as HTML.

    Returns:
        HTML.
    """
    heads, sizes = size_columns(classes)
    rows = []
    for i in order:
        c, example = classes[i], examples[i]
        picture = f'<img src="{example}" alt="example of class {i}">' if example else ''
        chart = charts.chart(
            charts.curve(spectrum_of(c), colors[i]), f'spectrum of class {i}'
        )
        rows.append(
            f'<tr data-class="{i}"><td class="left"><div class="name">'
            f'{swatch(colors[i])}<span class="number">{i}</span><input class="script" '
            f'data-name="{i}" placeholder="name" aria-label="name of class {i}" '
            'autocomplete="off"><span class="about"></span></div></td>'
            f'<td data-label="texture"><img src="{textures[i]}" '
            f'alt="texture of class {i}"></td><td data-label="example">{picture}</td>'
            f'<td class="wide" data-label="spectrum">{chart}</td>{sizes[i]}</tr>'
        )
    return (
        f'<h2>Classes</h2>{charts.definitions()}<table class="classes-table"><thead><tr>'
        '<th class="left">class</th><th>texture</th><th>example</th><th class="left">'
        f'spectrum</th>{heads}</tr></thead>'
        f'<tbody>{"".join(rows)}</tbody></table><p class="note">{note}</p>'
    )


def size_columns(classes: Sequence[ClassSummary]) -> tuple[str, list[str]]:
    """Columns of a table that say how large classes are.

    Args:
        classes: What is known of each class.

    Returns:
        Heads of the columns, and the cells of each class, as HTML; hectares only where
        they are known.
    """
    total = max(sum(c.pixels for c in classes), 1)
    hectares = all(c.area_ha is not None for c in classes)
    keys = {'ha': 'hectares', 'share': 'share', 'pixels': 'pixels'}
    if not hectares:
        del keys['ha']
    rows = []
    for c in classes:
        values = {
            'ha': '' if c.area_ha is None else f'{c.area_ha:,.1f}',
            'share': f'{100 * c.pixels / total:.1f} %',
            'pixels': f'{c.pixels:,}',
        }
        rows.append(
            ''.join(
                f'<td data-label="{label}" data-value="{key}">{values[key]}</td>'
                for key, label in keys.items()
            )
        )
    return ''.join(f'<th>{label}</th>' for label in keys.values()), rows


def swatch(color: str) -> str:
    """Small square of a colour.

    Args:
        color: Colour as CSS has it.

    Returns:
        HTML.
    """
    return f'<span class="swatch" style="background:{color}"></span>'
