# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Diagram of flows between classes, drawn as SVG."""

import html
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .text import size_text

#: Size of the diagram, height of all flows together and width of the bars.
_WIDTH, _HEIGHT, _BAR = 760, 340, 16

#: Room above, beside the bars for names, between bars and for a name.
_TOP, _SIDE, _GAP, _LINE = 26, 200, 8, 15

type _Floats = npt.NDArray[np.float64]


def draw_flows(
    sizes: _Floats,
    names: Sequence[str],
    colors: Sequence[str],
    dates: tuple[str, str],
    unit: str,
) -> str:
    """Draw what became of what has changed.

    What has stayed is left out: it would leave no room for the rest. Heights are areas.

    Args:
        sizes: Area by class before (rows) and after (columns), of shape ``(k, k)``.
        names: Names of the classes, as plain text.
        colors: Colours of the classes, as CSS has them.
        dates: Names of the first and of the last date, as plain text.
        unit: Unit of the areas.

    Returns:
        SVG element, empty if nothing has changed.
    """
    moved = sizes - np.diag(sizes.diagonal())
    total = moved.sum()
    if total <= 0:
        return ''
    sides = [moved.sum(1), moved.sum(0)]
    scale = _HEIGHT / total
    tops = [_stack(side * scale) for side in sides]
    height = max(
        float((top + side * scale)[side > 0].max())
        for top, side in zip(tops, sides, strict=True)
    )
    lines = [_lines(t, s * scale) for t, s in zip(tops, sides, strict=True)]
    height = max(height, *(line.max() for line in lines)) + _LINE
    left, right = _SIDE, _WIDTH - _SIDE
    heads = (
        f'<text class="end strong" x="{left + _BAR}" y="14">{html.escape(dates[0])}'
        f'</text><text class="start strong" x="{right - _BAR}" y="14">'
        f'{html.escape(dates[1])}</text>'
    )
    parts = [heads]
    starts = [tops[0].copy(), tops[1].copy()]
    for i, j in zip(*np.nonzero(moved), strict=True):
        thick = float(moved[i, j] * scale)
        a, b = float(starts[0][i]), float(starts[1][j])
        starts[0][i] += thick
        starts[1][j] += thick
        parts.append(
            _ribbon(left + _BAR, a, right - _BAR, b, thick, colors[i])
            + f'<title>{html.escape(names[i])} to {html.escape(names[j])}: '
            f'{size_text(float(moved[i, j]))} {unit}</title></path>'
        )
    for number, (side, top, line) in enumerate(zip(sides, tops, lines, strict=True)):
        x = left if number == 0 else right - _BAR
        anchor, at = ('end', x - 6) if number == 0 else ('start', x + _BAR + 6)
        for i in np.flatnonzero(side).tolist():
            tall = max(float(side[i] * scale), 1)
            label = f'{_short(names[i])}, {size_text(float(side[i]))} {unit}'
            parts.append(
                f'<rect x="{x}" y="{top[i]:.1f}" width="{_BAR}" height="{tall:.1f}" '
                f'fill="{colors[i]}"/><text class="{anchor}" x="{at}" '
                f'y="{line[i]:.1f}">{html.escape(label)}</text>'
            )
    return (
        f'<svg class="flows" viewBox="0 0 {_WIDTH} {height:.0f}" role="img" '
        f'aria-label="what became of what has changed">{"".join(parts)}</svg>'
    )


def _stack(heights: _Floats) -> _Floats:
    """Tops of bars one below the other."""
    steps = np.where(heights > 0, heights + _GAP, 0)
    tops: _Floats = _TOP + np.cumsum(steps) - steps
    return tops


def _lines(tops: _Floats, heights: _Floats) -> _Floats:
    """Base lines of names in the middle of bars, or below the name before."""
    found = np.zeros_like(tops)
    last = 0.0
    for i in np.flatnonzero(heights).tolist():
        last = max(float(tops[i] + heights[i] / 2) + 4, last + _LINE)
        found[i] = last
    return found


def _ribbon(x: float, a: float, end: float, b: float, thick: float, color: str) -> str:
    """A flow between two heights, the element of which is left open."""
    middle = (x + end) / 2
    return (
        f'<path d="M{x} {a:.1f}C{middle} {a:.1f} {middle} {b:.1f} {end} {b:.1f}'
        f'V{b + thick:.1f}C{middle} {b + thick:.1f} {middle} {a + thick:.1f} {x} '
        f'{a + thick:.1f}Z" fill="{color}" fill-opacity=".5" stroke="{color}" '
        'stroke-opacity=".6" stroke-width=".5">'
    )


def _short(name: str) -> str:
    return name if len(name) <= 18 else f'{name[:17]}…'
