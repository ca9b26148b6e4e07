# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What a report says of how its map was made."""

import html
import shlex
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import rasterio
from pyproj import CRS
from pyproj.exceptions import CRSError, ProjError

from .. import __version__
from ..estimator import KTexturesSegmenter
from ..maps.area import ground_sample_distance

#: Most scenes that are named.
_NAMED = 6


def facts_panel(
    scenes: Sequence[str],
    labels: Path,
    segmenter: KTexturesSegmenter,
    bands: Sequence[str],
    seconds: float | None,
) -> str:
    """Write the head of a report.

    Args:
        scenes: Rasters.
        labels: Map of the first.
        segmenter: Fitted estimator.
        bands: Names of the bands.
        seconds: Time that the run has taken.

    Returns:
        HTML.
    """
    facts: dict[str, str | None] = {'Command': _command()}
    names = [html.escape(Path(scene).name) for scene in scenes]
    more = f' and {len(names) - _NAMED} more' if len(names) > _NAMED else ''
    facts['Scenes' if len(names) > 1 else 'Scene'] = ', '.join(names[:_NAMED]) + more
    with rasterio.open(labels) as src:
        facts['Size'] = f'{src.height:,} x {src.width:,} pixels'
        crs = src.crs
        gsd = ground_sample_distance(crs, src.transform, src.height, src.width)
    facts['Bands'] = html.escape(', '.join(bands))
    facts['CRS'] = _name_crs(crs) if crs else 'none, so that areas are in pixels'
    facts['GSD'] = None if gsd is None else f'{gsd:.4g} m'
    stride = segmenter.mask_stride
    facts['Smallest region'] = f'about {stride} pixels'
    if gsd is not None:
        facts['Smallest region'] = f'about {stride} pixels, {stride * gsd:.4g} m'
    facts['Training'] = f'{segmenter.n_iter_} steps'
    seed = segmenter.random_state
    facts['Seed'] = str(seed) if isinstance(seed, int) else None
    facts['Version'] = f'torchgeo-ktextures {__version__}'
    now = datetime.now().astimezone()
    facts['Date'] = (
        f'<time datetime="{now:%Y-%m-%dT%H:%M%z}">{now:%Y-%m-%d %H:%M}</time>'
    )
    if seconds is not None:
        facts['Time taken'] = (
            f'<time datetime="PT{seconds:.0f}S">{_spell(seconds)}</time>'
        )
    return (
        '<dl class="facts">'
        + ''.join(
            f'<div{" class=wide" if key == "Command" else ""}><dt>{key}</dt>'
            f'<dd>{f"<code>{value}</code>" if key == "Command" else value}</dd></div>'
            for key, value in facts.items()
            if value
        )
        + '</dl>'
    )


def _command() -> str | None:
    """The command as it was typed, or None from Python."""
    program, *args = sys.argv
    path = Path(program)
    module = path.parent.name == 'torchgeo_ktextures' and path.stem in (
        'cli',
        '__main__',
    )
    if not (path.stem == 'torchgeo-ktextures' or module) or 'segment' not in args:
        return None
    return html.escape(f'torchgeo-ktextures {shlex.join(args)}')


def _name_crs(crs: object) -> str:
    try:
        found = CRS.from_user_input(crs)
    except (CRSError, ProjError):
        return html.escape(str(crs))
    code = found.to_authority()
    return html.escape(found.name + (f' ({":".join(code)})' if code else ''))


def _spell(seconds: float) -> str:
    """Time in words."""
    if seconds < 60:
        return f'{seconds:.0f} s'
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f'{minutes} min {rest} s'
    return f'{minutes // 60} h {minutes % 60} min'
