# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Small charts in a page, drawn as SVG."""

import html
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

#: Size of a spectrum, and of the area in which it is drawn: left, right, top, bottom.
_WIDTH, _HEIGHT = 250, 128
_BOX = (40, 246, 16, 106)

#: Size of a curve, and of the area in which it is drawn.
_CURVE_WIDTH, _CURVE_HEIGHT = 330, 170
_CURVE_BOX = (60, 318, 16, 138)

#: Most bands whose names and values are written.
_NAMED = 6

type _Values = npt.NDArray[np.float64]


class SpectrumCharts:
    """Spectra of classes, one chart each, on the same axes."""

    def __init__(self, bands: Sequence[str], spectra: Sequence[_Values]) -> None:
        """Choose axes.

        Args:
            bands: Names of the bands.
            spectra: Mean and standard deviation of the bands of each class, of shape
                ``(2, C)``, or ``(2, 0)`` for a class without pixels.
        """
        self.bands = bands
        some = [s for s in spectra if s.size and np.isfinite(s).all()]
        # Room for the usual deviation; a class that varies more is cut off.
        usual = float(np.median([s[1].mean() for s in some])) if some else 0.0
        low = min((float(s[0].min()) for s in some), default=0.0) - usual
        high = max((float(s[0].max()) for s in some), default=1.0) + usual
        # Reflectance is never negative; nor is its axis, unless a mean is.
        if low < 0 and all((s[0] >= 0).all() for s in some):
            low = 0.0
        self.low, self.high = low, max(high, low + 1e-12)
        self.others = ''.join(f'<path d="{self._path(s[0])}"/>' for s in some)

    def definitions(self) -> str:
        """Axes and all classes in grey, which the charts refer to.

        Returns:
            SVG element that is not shown.
        """
        left, right, top, bottom = _BOX
        marks = ''.join(
            f'<text x="{left - 4}" y="{y + 3}" class="end">{_number(value)}</text>'
            f'<line x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>'
            for value, y in ((self.high, top), (self.low, bottom))
        )
        chosen = range(len(self.bands))
        if len(self.bands) > _NAMED:
            chosen = range(0, len(self.bands), len(self.bands) - 1)
        names = ''.join(
            f'<text x="{self._x(i):.1f}" y="{bottom + 14}">'
            f'{html.escape(_short(self.bands[i]))}</text>'
            for i in chosen
        )
        return (
            '<svg width="0" height="0" class="defs" aria-hidden="true"><defs>'
            f'<g id="axes">{marks}{names}<g class="others">{self.others}</g></g></defs>'
            '</svg>'
        )

    def chart(self, content: str, label: str) -> str:
        """Put a spectrum on the axes.

        Args:
            content: What :meth:`curve` gives.
            label: What the chart is, as plain text.

        Returns:
            SVG element.
        """
        return (
            f'<svg class="spectrum" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
            f'aria-label="{html.escape(label)}"><use href="#axes"/>'
            f'<g class="own">{content}</g></svg>'
        )

    def curve(self, spectrum: _Values, color: str) -> str:
        """Draw the means of a class, and a band of one standard deviation.

        Args:
            spectrum: Mean and standard deviation of the bands, of shape ``(2, C)``.
            color: Colour of the class, as CSS has it.

        Returns:
            Elements of SVG.
        """
        if not spectrum.size or not np.isfinite(spectrum).all():
            return ''
        mean, std = spectrum
        upper = self._path((mean + std).clip(self.low, self.high))
        lower = self._path((mean - std).clip(self.low, self.high)[::-1], backward=True)
        band = f'{upper}L{lower.removeprefix("M")}Z'
        values = ''
        if len(mean) <= _NAMED:
            values = ''.join(
                f'<text x="{self._x(i):.1f}" y="{self._y(value) - 6:.1f}">'
                f'{_number(value)}</text>'
                for i, value in enumerate(mean.tolist())
            )
        return (
            f'<path d="{band}" class="band" style="fill:{color}"/>'
            f'<path d="{self._path(mean)}" style="stroke:{color}"/>{values}'
        )

    def _path(self, values: _Values, backward: bool = False) -> str:
        places = range(len(values))
        return 'M' + 'L'.join(
            f'{self._x(i):.1f} {self._y(value):.1f}'
            for i, value in zip(
                reversed(places) if backward else places, values.tolist(), strict=True
            )
        )

    def _x(self, i: int) -> float:
        left, right, _, _ = _BOX
        # Numbers above the first and last band need room.
        left, right = left + 24, right - 18
        return left + (right - left) * (i / max(len(self.bands) - 1, 1))

    def _y(self, value: float) -> float:
        _, _, top, bottom = _BOX
        return bottom - (value - self.low) / (self.high - self.low) * (bottom - top)


def _number(value: float) -> str:
    """Three digits, or all before the point."""
    return f'{value:,.0f}' if abs(value) >= 1000 else f'{value:.3g}'


def _short(name: str) -> str:
    return name if len(name) <= 8 else f'{name[:7]}…'


def draw_curve(
    x: Sequence[float],
    y: Sequence[float],
    x_title: str,
    label: str,
    chosen: float | None = None,
    from_zero: bool = False,
) -> str:
    """Draw a value that depends on another one.

    Args:
        x: Where the value is known.
        y: The value; what is not finite is left out.
        x_title: What is across.
        label: What the curve is, as plain text.
        chosen: Where a mark is set.
        from_zero: Whether the axis begins at zero.

    Returns:
        SVG element, with its axis across in ``data-x``: lowest and highest value, and
        their places in the drawing.
    """
    across, up = np.asarray(x, float), np.asarray(y, float)
    some = np.isfinite(across) & np.isfinite(up)
    across, up = across[some], up[some]
    if not len(across):
        return ''
    left, right, top, bottom = _CURVE_BOX
    first, last = float(across.min()), float(across.max())
    low = 0.0 if from_zero else float(up.min())
    high = max(float(up.max()), low + 1e-12)
    at_x = left + (across - first) / max(last - first, 1e-12) * (right - left)
    at_y = bottom - (up - low) / (high - low) * (bottom - top)
    places = list(zip(at_x.tolist(), at_y.tolist(), strict=True))
    path = 'M' + 'L'.join(f'{a:.1f} {b:.1f}' for a, b in places)
    marks = ''.join(
        f'<line x1="{left}" x2="{right}" y1="{b}" y2="{b}"/>'
        f'<text class="end" x="{left - 5}" y="{b + 4}">{_number(value)}</text>'
        for value, b in ((high, top), (low, bottom))
    )
    # Not the last but one where it would touch the last.
    ticks = np.unique(np.linspace(first, last, 5).round().astype(int))
    marks += ''.join(
        f'<text x="{left + (t - first) / max(last - first, 1e-12) * (right - left):.1f}" '
        f'y="{bottom + 14}">{t}</text>'
        for t in ticks.tolist()
    )
    marks += f'<text x="{(left + right) / 2}" y="{bottom + 29}">{x_title}</text>'
    dots = ''
    if len(places) <= 64 and chosen is not None:
        dots = ''.join(
            f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.5"/>' for a, b in places
        )
    for i in np.flatnonzero(across == (np.nan if chosen is None else chosen)):
        a, b = places[i]
        anchor = 'end' if a > (left + right) / 2 else 'start'
        shift = -8 if anchor == 'end' else 8
        above = b - 8 if b > top + 24 else b + 18
        dots += (
            f'<circle class="chosen" cx="{a:.1f}" cy="{b:.1f}" r="6"/><text '
            f'class="{anchor} strong" x="{a + shift:.1f}" y="{above:.1f}">'
            f'{across[i]:g}: {_number(up[i])}</text>'
        )
    now = ''
    if chosen is not None:
        now = f'<line class="cut" visibility="hidden" y1="{top}" y2="{bottom}"/>'
    return (
        f'<svg class="curve" viewBox="0 0 {_CURVE_WIDTH} {_CURVE_HEIGHT}" role="img" '
        f'aria-label="{html.escape(label)}" data-x="{first:g} {last:g} {left} {right}">'
        f'<g class="axes">{marks}</g>{now}<path d="{path}"/>{dots}</svg>'
    )
