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

from ..colors import class_colors
from ..estimator import KTexturesSegmenter
from ..maps.html_page import figure_address, image_address, write_page
from .scene_points import ScenePoints
from .segment_report import paint, shown_map, spectra_address
from .segment_results import total_summaries

type _Array = npt.NDArray[Any]


def write_classification_report(
    path: Path,
    scenes: Sequence[str],
    maps: Sequence[Path],
    segmenter: KTexturesSegmenter,
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
    table = np.array([color[:3] for color in class_colors(len(names)).values()]) / 255
    data, image, valid, labels = shown_map(scenes[0], maps[0], segmenter)
    low, high = np.percentile(image[:, valid], [1, 99], axis=1)[..., None, None]
    scaled = ((image - low) / np.maximum(high - low, 1e-12)).clip(0, 1)
    rgb = np.where(valid[..., None], np.moveaxis(scaled[:3], 0, -1), 1)
    here = found.points[:, 0] == 0
    codes = np.array([list(names).index(name) for name in found.classes])
    fig = _with_points(rgb, data.shapes[0], found.points[here, 1:], table[codes[here]])
    panels = {
        'Scene, and points in the colours of their classes': figure_address(fig),
        f'Map, {len(names)} classes': image_address(paint(labels, table)),
    }
    figures = ''.join(
        f'<figure><img src="{address}" alt="{title}"><figcaption>{title}</figcaption>'
        '</figure>'
        for title, address in panels.items()
    )
    total = max(sum(c.pixels for c in classes), 1)
    on_map = _agreeing(labels, data.shapes[0], found.points[here, 1:], codes[here])
    rows = []
    for i, (name, c) in enumerate(zip(names, classes, strict=True)):
        area = '' if c.area_ha is None else f'{c.area_ha:,.1f}'
        means = ''.join(f'<td>{value:.4g}</td>' for value in c.mean)
        color = tuple((255 * table[i]).astype(int).tolist())
        rows.append(
            f'<tr><td style="text-align:left"><span class="swatch" '
            f'style="background:rgb{color}"></span> {html.escape(name)}</td>'
            f'<td>{found.classes.count(name)}</td><td>{area}</td>'
            f'<td>{c.pixels:,}</td><td>{c.pixels / total:.1%}</td>{means}</tr>'
        )
    heads = ''.join(f'<th>{html.escape(band)}</th>' for band in bands)
    body = (
        f'<p>{len(names)} classes by {len(found.classes)} points.</p>'
        f'<div class="maps">{figures}</div><h2>Classes</h2>'
        '<table><tr><th>class</th><th>points</th><th>hectares</th><th>pixels</th>'
        f'<th>share</th>{heads}</tr>{"".join(rows)}</table>'
        f'<p class="note">{on_map:.0%} of the points have their class in the map of the '
        'first scene. How good the map is, only points tell that it was not made of: '
        '<code>torchgeo-ktextures suggest --for assessment</code> draws them, and '
        '<code>torchgeo-ktextures assess</code> estimates accuracy and areas with '
        'confidence intervals. Bands are means over all maps.</p><h2>Spectra</h2>'
        f'<img src="{spectra_address(bands, classes, table, names)}" alt="spectra">'
    )
    more = f' and {len(scenes) - 1} more' if len(scenes) > 1 else ''
    write_page(path, f'{Path(scenes[0]).name}{more}', body)


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
