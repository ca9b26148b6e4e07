# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Report of a segmentation as one HTML page that needs nothing else."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..inference.statistics import ClassSummary, pooled_moments
from ..maps.charts import SpectrumCharts
from ..maps.dendrogram import Merge, draw_tree, find_merges, leaf_order
from ..maps.html_page import (
    MOST_COLORS,
    as_script,
    image_address,
    write_page,
)
from ..maps.reading import map_colors, open_raster
from ..maps.report_script import SCRIPT
from ..maps.report_style import STYLE
from ..segmenter import Segmenter
from ..sources import short_name
from .segment_curves import criteria_panel, training_panel
from .segment_facts import facts_panel
from .segment_figures import (
    PATCH,
    ShownScene,
    find_example,
    kmeans_map,
    map_address,
    read_shown,
)
from .segment_naming import naming_panel, split_legend
from .segment_panels import (
    chips_panel,
    classes_panel,
    css_color,
    spectrum_of,
    tree_panel,
    views_panel,
)
from .segment_results import total_summaries

#: The page may load nothing, whatever the names of bands and files are.
_POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"
)


def write_report(
    path: Path,
    scenes: Sequence[str],
    maps: Sequence[Path],
    segmenter: Segmenter,
    run: str = '',
    *,
    legend: Path | None = None,
    seconds: float | None = None,
) -> None:
    """Write a report on the first scene, and on the classes of all.

    Args:
        path: HTML file to write.
        scenes: Rasters.
        maps: Their maps.
        segmenter: Fitted estimator.
        run: What the page keeps to tell scenes and options it was made with.
        legend: Classes to be named, which the page saves with names.
        seconds: Time that the run has taken.

    Raises:
        OSError: If the file cannot be written.
    """
    bands, classes = total_summaries(maps)
    shown = read_shown(scenes[0], maps[0], segmenter)
    with open_raster(maps[0]) as src:
        values = map_colors(src, range(len(classes)))
    colors = [css_color(color) for color in values]
    merges = _merges(segmenter, len(classes))
    order = leaf_order(merges) or list(range(len(classes)))
    textures = [image_address(shown.rgb(t), 'jpeg') for t in segmenter.textures_]
    examples = [find_example(shown, maps[0], i) for i in range(len(classes))]
    charts = SpectrumCharts(bands, [spectrum_of(c) for c in classes])
    count = len(classes) if merges else None
    body = [
        facts_panel(scenes, maps, segmenter, bands, seconds),
        _bar(count),
        _views(scenes, shown, values),
        chips_panel(order, colors),
    ]
    if merges:
        drawn = draw_tree(segmenter.tree_, merges, colors)
        body.append(tree_panel(drawn, order, colors, textures))
    chosen = int(getattr(segmenter, 'n_clusters_', len(classes)))
    body.append(criteria_panel(getattr(segmenter, 'selection_', None), chosen))
    body.append(
        classes_panel(
            classes,
            order,
            colors,
            textures,
            [e if e is None else image_address(e, 'jpeg') for e in examples],
            charts,
            _table_note(scenes, bool(merges)),
        )
    )
    if legend is not None:
        body.append(naming_panel(legend, maps, count))
    history = getattr(segmenter, 'history_', None)
    body.append(training_panel(None if history is None else history.values))
    data = {
        'key': f'ktextures {run} {[c.pixels for c in classes]}',
        'file': None if legend is None else legend.name,
        'legend': split_legend(legend),
        'pixels': [c.pixels for c in classes],
        'ha': [c.area_ha for c in classes],
        'colors': values,
        'order': order,
        'readable': len(classes) <= MOST_COLORS,
        'charts': [
            charts.curve(spectrum_of(c), color)
            for c, color in zip(classes, colors, strict=True)
        ],
        'merges': _with_charts(merges, classes, charts, colors),
    }
    body.append(SCRIPT.replace('DATA', as_script(data)))
    head = f'{_POLICY}<meta name="run" content="{run}"><style>{STYLE}</style>'
    more = f' and {len(scenes) - 1} more' if len(scenes) > 1 else ''
    write_page(path, f'{short_name(scenes[0])}{more}', ''.join(body), head)


def _views(
    scenes: Sequence[str], shown: ShownScene, values: Sequence[tuple[int, int, int]]
) -> str:
    """Pictures of the scene and of its map."""
    addresses = {'True colour': image_address(shown.picture(), 'jpeg')}
    if len(shown.image) > 3:
        false = shown.picture((3, 0, 1))
        addresses['Near infrared, red, green'] = image_address(false, 'jpeg')
    found, kmeans = (
        map_address(labels, values)
        for labels in (shown.labels, kmeans_map(shown, len(values)))
    )
    note = _picture_note(scenes, shown.factor)
    height, width = shown.labels.shape
    return views_panel(addresses, found, kmeans, (height, width), len(values), note)


def _merges(segmenter: Segmenter, count: int) -> list[Merge]:
    """Merges of the tree, none if there is no tree of classes that a page shows."""
    linkage = getattr(segmenter, 'tree_', None)
    if linkage is None or len(linkage) != count - 1:
        return []
    # Classes that began at random have a tree of zeros until training ends.
    if not 2 < count <= MOST_COLORS or not np.any(linkage):
        return []
    return find_merges(linkage)


def _with_charts(
    merges: Sequence[Merge],
    classes: Sequence[ClassSummary],
    charts: SpectrumCharts,
    colors: Sequence[str],
) -> list[dict[str, Any]]:
    """Merges, each with the spectrum of the class that comes of it."""
    parts = {i: [c] for i, c in enumerate(classes)}
    found = []
    for into, part in merges:
        parts[into] = parts[into] + parts[part]
        moments = pooled_moments(parts[into])
        spectrum = np.empty((2, 0)) if moments is None else np.stack(moments)
        chart = charts.curve(spectrum, colors[into])
        found.append({'into': into, 'part': part, 'chart': chart})
    return found


def _bar(count: int | None) -> str:
    """Bar with the number of classes and the class that is highlighted."""
    slider = ''
    if count is not None:
        slider = (
            '<div class="slide"><label for="k">Number of classes</label>'
            '<button type="button" id="fewer" aria-label="one class fewer">&minus;</button>'
            f'<input type="range" id="k" min="2" max="{count}" value="{count}">'
            '<button type="button" id="more" aria-label="one class more">+</button>'
            f'<output for="k" data-k>{count}</output></div>'
        )
    return (
        f'<div class="script" id="bar">{slider}<span id="shown" role="status">'
        '<b id="what"></b><button type="button" id="release">Show all</button></span>'
        '</div>'
    )


def _picture_note(scenes: Sequence[str], factor: float) -> str:
    parts = []
    if len(scenes) > 1:
        parts.append(f'Pictures are of the first of {len(scenes)} scenes.')
    if factor > 1:
        parts.append(f'Pictures are {factor:.3g} times smaller than the scene.')
    parts.append(
        'The map by k-means on single pixels is there to compare; its colours are those '
        'of the classes that overlap most.'
    )
    return ' '.join(parts)


def _table_note(scenes: Sequence[str], merges: bool) -> str:
    many = len(scenes) > 1
    largest = ' A class that is merged has those of its largest part.' if merges else ''
    return (
        'Textures are random, with the colours, contrast, grain and direction of the '
        f'class. Examples are the {PATCH} x {PATCH} pixels of the '
        f'{"first " if many else ""}scene with most of the class; what is of other '
        f'classes is faded.{largest} Spectra are means, in bands of one standard deviation, with '
        'all classes in grey behind. Areas and spectra are of all pixels'
        f'{" of all scenes" if many else ""}.'
    )
