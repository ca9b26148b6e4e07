# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Report of a classification as one HTML page."""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from ..maps.charts import SpectrumCharts
from ..maps.html_page import figure_address, write_page
from ..maps.reading import map_colors, open_raster
from ..maps.report_style import STYLE
from ..segmenter import Segmenter
from ..sources import short_name
from .scene_points import ScenePoints
from .segment_figures import map_address, read_shown
from .segment_panels import css_color, size_columns, spectrum_of, swatch
from .segment_results import total_summaries

type _Array = npt.NDArray[Any]


def write_classification_report(
    path: Path,
    scenes: Sequence[str],
    maps: Sequence[Path],
    segmenter: Segmenter,
    names: Sequence[str],
    found: ScenePoints,
) -> None:
    """Write a report on the first scene, and on the classes of all.

    Args:
        path: HTML file to write.
        scenes: Rasters.
        maps: Their maps.
        segmenter: Estimator that says how scenes are read.
        names: Names of the classes in the order of their codes.
        found: Labelled points.

    Raises:
        OSError: If the file cannot be written.
    """
    bands, classes = total_summaries(maps)
    with open_raster(maps[0]) as src:
        values = map_colors(src, range(len(names)))
    table, colors = np.array(values) / 255, [css_color(color) for color in values]
    shown = read_shown(scenes[0], maps[0], segmenter)
    labels, shape = shown.labels, shown.data.shapes[0]
    here = found.points[:, 0] == 0
    codes = np.array([list(names).index(name) for name in found.classes])
    fig = _with_points(
        shown.picture(), shape, found.points[here, 1:], table[codes[here]]
    )
    panels = {
        'Scene, and points in the colours of their classes': figure_address(fig),
        f'Map, {len(names)} classes': map_address(labels, values),
    }
    figures = ''.join(
        f'<figure><img src="{address}" alt="{title}"><figcaption>{title}</figcaption>'
        '</figure>'
        for title, address in panels.items()
    )
    on_map = _agreeing(labels, shape, found.points[here, 1:], codes[here])
    charts = SpectrumCharts(bands, [spectrum_of(c) for c in classes])
    heads, sizes = size_columns(classes)
    rows = []
    for i, (name, c) in enumerate(zip(names, classes, strict=True)):
        curve = charts.curve(spectrum_of(c), colors[i])
        rows.append(
            f'<tr><td class="left"><div class="name">{swatch(colors[i])}<b>'
            f'{html.escape(name)}</b></div></td><td data-label="points">'
            f'{found.classes.count(name)}</td><td class="wide" data-label="spectrum">'
            f'{charts.chart(curve, f"spectrum of {name}")}</td>{sizes[i]}</tr>'
        )
    body = (
        f'<p>{len(names)} classes by {len(found.classes)} points.</p>'
        f'<div class="maps">{figures}</div><h2>Classes</h2>'
        f'{charts.definitions()}<table class="classes-table"><thead><tr>'
        '<th class="left">class</th><th>points</th><th class="left">spectrum</th>'
        f'{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
        f'<p class="note">{on_map:.0%} of the points have their class in the map of the '
        'first scene. How good the map is, only points tell that it was not made of: '
        '<code>torchgeo-ktextures suggest --for assessment</code> draws them, and '
        '<code>torchgeo-ktextures assess</code> estimates accuracy and areas with '
        'confidence intervals. Spectra are means over all maps, in bands of one '
        'standard deviation, with all classes in grey behind.</p>'
    )
    more = f' and {len(scenes) - 1} more' if len(scenes) > 1 else ''
    write_page(path, f'{short_name(scenes[0])}{more}', body, f'<style>{STYLE}</style>')


def _with_points(
    rgb: _Array, shape: tuple[int, int], places: _Array, colors: _Array
) -> Figure:
    """Scene with points in the colours of their classes."""
    height, width = shape
    fig = Figure(figsize=(6, 6 * height / width))
    ax = fig.add_axes((0, 0, 1, 1))
    ax.imshow(rgb, extent=(0, width, height, 0))
    ax.set_axis_off()
    points = ax.scatter(places[:, 1] + 0.5, places[:, 0] + 0.5, 30, colors)
    points.set_path_effects([withStroke(linewidth=3, foreground='white')])
    return fig


def _agreeing(
    labels: _Array, shape: tuple[int, int], places: _Array, codes: _Array
) -> float:
    """Share of points whose class is that of the decimated map."""
    if not len(places):
        return float('nan')
    scale = np.array(labels.shape) / shape
    rows, cols = ((places + 0.5) * scale).astype(int).T
    return float((labels[rows, cols] == codes).mean())
