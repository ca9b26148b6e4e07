# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Report of a change as one HTML page that needs nothing else."""

import html
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .. import __version__
from ..change.flow import draw_flows
from ..change.map_changes import ChangeMaps
from ..change.seasons import season_sentences
from ..change.text import size_text, summary
from ..maps.area import ground_sample_distance
from ..maps.html_page import write_page
from ..maps.reading import open_raster
from ..maps.report_style import STYLE
from .change_pictures import change_pictures
from .segment_facts import facts_list, name_crs, typed_command
from .segment_panels import css_color, swatch

type _Floats = npt.NDArray[np.float64]

#: What the page has beside that of a segmentation.
_STYLE = """
.matrix td { font-variant-numeric: tabular-nums; min-width: 4.5em; }
.matrix .stayed { color: var(--soft); } .matrix small { color: var(--soft); }
.matrix th, .gains th { text-align: right; } .matrix tbody th, .gains .left {
  text-align: left; white-space: nowrap; } .scroll { overflow-x: auto; }
.gains td { font-variant-numeric: tabular-nums; }
.flows { width: 100%; max-width: 820px; height: auto; }
.warning { border-left: 4px solid #d1480f; background: #fdf3ec; padding: .6em 1em;
           max-width: 75ch; }
.maps { grid-template-columns: repeat(auto-fill, minmax(min(370px, 100%), 1fr)); }
.bar { display: inline-block; height: .8em; vertical-align: -1px; border-radius: 2px; }
.key { display: flex; flex-wrap: wrap; gap: .3em 1.2em; margin: .6em 0; }
.key span { display: inline-flex; align-items: center; gap: .4em; }
"""

#: Width of the longest bar of a gain or a loss, in pixels.
_LONGEST = 120


def write_change_report(
    path: Path, maps: Sequence[Path], found: ChangeMaps, images: Sequence[Path] = ()
) -> None:
    """Write a report on what has changed.

    Args:
        path: HTML file to write.
        maps: Label maps in the order of their dates.
        found: What was found.
        images: Scenes of the first and the last map, or none.

    Raises:
        OSError: If a scene cannot be read, or the page not be written.
    """
    colors = [css_color(color) for color in found.codes.colors]
    transitions = found.transitions
    unit = 'px' if transitions.hectares is None else 'ha'
    first, last = found.dates[0], found.dates[-1]
    used = (transitions.size.sum(0) + transitions.size.sum(1)).nonzero()[0].tolist()
    names = transitions.names
    warned = ''.join(
        f'<p class="warning">{html.escape(line)}.</p>'
        for line in season_sentences(found.dates, found.shares)
    )
    figures = ''.join(
        f'<figure><img src="{address}" alt="{html.escape(title)}"><figcaption>'
        f'{html.escape(title)}</figcaption></figure>'
        for title, address in change_pictures(maps, found, images).items()
    )
    key = ''.join(
        f'<span>{swatch(colors[i])}{html.escape(names[i])}</span>' for i in used
    )
    flows = draw_flows(transitions.size, names, colors, (first, last), unit)
    body = (
        f'{_facts(maps, found, bool(images))}{warned}<p>{html.escape(summary(found))}</p>'
        f'<h2>Maps</h2><div class="maps">{figures}</div><div class="key">{key}</div>'
        '<p class="note">Changes have the colour of the class that came, mixed with '
        'some of the one that went. What has not changed is light grey, what is '
        'unknown dark grey.</p><h2>What became of what has changed</h2>'
        f'{flows or "<p>Nothing has changed.</p>"}'
        f'<h2>Transitions</h2><p>{html.escape(first)} in rows, {html.escape(last)} in '
        f'columns, in {unit} and in percent of what is known.</p>'
        f'{_matrix(transitions.size, names, colors, used)}<h2>Gains and losses</h2>'
        f'{_gains(found, colors, used, unit)}<p class="note">Where the maps differ '
        'without a change, as at edges, half of the area counts for each class: so the '
        'table does not depend on the order of the dates. Areas by counting pixels are '
        'as good as the maps: suggest --for assessment draws points that tell how good '
        'they are.</p>'
    )
    title = f'Change from {first} to {last}'
    head = f'<style>{STYLE}{_STYLE}</style>'
    write_page(path, title, body, head)


def _facts(maps: Sequence[Path], found: ChangeMaps, seen: bool) -> str:
    facts: dict[str, str | None] = {'Command': typed_command('change')}
    facts['Maps'] = ', '.join(html.escape(path.name) for path in maps)
    with open_raster(found.files['change']) as src:
        facts['Size'] = f'{src.height:,} x {src.width:,} pixels'
        gsd = ground_sample_distance(src.crs, src.transform, src.height, src.width)
        facts['CRS'] = name_crs(src.crs) if src.crs else None
    facts['GSD'] = None if gsd is None else f'{gsd:.4g} m'
    facts['Dates'] = ', '.join(html.escape(date) for date in found.dates)
    rules = found.rules
    doubt = f'below {rules.min_confidence:g} % confidence, '
    facts['No change'] = (
        f'{doubt if "confidence" in found.files else ""}within {rules.tolerance} '
        f'pixel(s), fewer than {rules.min_pixels} pixels'
        f'{", or not to be seen in the scenes" if seen else ""}'
    )
    facts['Notes'] = '<br>'.join(map(html.escape, found.notes)) or None
    facts['Version'] = f'torchgeo-ktextures {__version__}'
    facts['Date'] = f'{datetime.now().astimezone():%Y-%m-%d %H:%M}'
    return facts_list(facts)


def _matrix(
    sizes: _Floats, names: Sequence[str], colors: Sequence[str], used: Sequence[int]
) -> str:
    """Matrix of transitions, changes shaded by their size."""
    total = max(float(sizes.sum()), 1e-12)
    most = max(float((sizes - np.diag(sizes.diagonal())).max(initial=0)), 1e-12)
    heads = ''.join(
        f'<th>{swatch(colors[j])} {html.escape(names[j])}</th>' for j in used
    )
    rows = []
    for i in used:
        cells = []
        for j in used:
            value = float(sizes[i, j])
            shade = 0.0 if i == j else 0.55 * (value / most) ** 0.5
            style = f' style="background:rgba(209,72,15,{shade:.2f})"' if shade else ''
            text = f'{size_text(value)}<br><small>{100 * value / total:.2f} %</small>'
            kind = ' class="stayed"' if i == j else ''
            cells.append(f'<td{kind}{style}>{text if value else "0"}</td>')
        rows.append(
            f'<tr><th>{swatch(colors[i])} {html.escape(names[i])}</th>{"".join(cells)}'
            f'<td>{size_text(float(sizes[i].sum()))}</td></tr>'
        )
    sums = ''.join(f'<td>{size_text(float(sizes[:, j].sum()))}</td>' for j in used)
    return (
        f'<div class="scroll"><table class="matrix"><thead><tr><th></th>{heads}'
        f'<th>all</th></tr></thead><tbody>{"".join(rows)}<tr><th>all</th>{sums}<td>'
        f'{size_text(float(sizes.sum()))}</td></tr></tbody></table></div>'
    )


def _gains(
    found: ChangeMaps, colors: Sequence[str], used: Sequence[int], unit: str
) -> str:
    """Table of gains and losses, with bars."""
    sizes = found.transitions.size
    before, after, stayed = sizes.sum(1), sizes.sum(0), sizes.diagonal()
    most = max(float(max((before - stayed).max(), (after - stayed).max())), 1e-12)
    rows = []
    for i in used:
        loss, gain = float(before[i] - stayed[i]), float(after[i] - stayed[i])
        bars = [
            f'<span class="bar" style="width:{_LONGEST * value / most:.0f}px;'
            f'background:{color}"></span>'
            for value, color in ((loss, '#c9553c'), (gain, '#3c8f5a'))
        ]
        net = float(after[i] - before[i])
        sign = '+' if net > 0 else '-' if net < 0 else ''
        share = f'{100 * net / before[i]:+.1f} %' if before[i] else 'new'
        rows.append(
            f'<tr><td class="left">{swatch(colors[i])} '
            f'{html.escape(found.transitions.names[i])}</td>'
            f'<td>{size_text(float(before[i]))}</td><td>{size_text(float(after[i]))}</td>'
            f'<td>{size_text(float(stayed[i]))}</td><td>{bars[0]} {size_text(loss)}</td>'
            f'<td class="left">{bars[1]} {size_text(gain)}</td><td>{sign}{size_text(abs(net))}</td>'
            f'<td>{share}</td></tr>'
        )
    first, last = html.escape(found.dates[0]), html.escape(found.dates[-1])
    return (
        '<div class="scroll"><table class="gains"><thead><tr><th class="left">class, '
        f'{unit}</th><th>{first}</th><th>{last}</th><th>persisted</th><th>loss</th>'
        '<th class="left">gain</th><th>net</th><th>net, share</th></tr></thead><tbody>'
        f'{"".join(rows)}</tbody></table></div>'
    )
