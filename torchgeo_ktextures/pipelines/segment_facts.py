# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What a report says of how its map was made."""

import html
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import rasterio
from pyproj import CRS
from pyproj.exceptions import CRSError, ProjError

from .. import __version__
from ..datasets.units import describe_units, read_units
from ..maps.area import ground_sample_distance
from ..segmenter import Segmenter
from ..sources import short_name, without_secrets
from .segment_radiometry import radiometry_lines

#: Most scenes that are named.
_NAMED = 6

#: Facts that take a line of their own.
_WIDE = ('Command', 'Radiometry')


def facts_panel(
    scenes: Sequence[str],
    maps: Sequence[Path],
    segmenter: Segmenter,
    bands: Sequence[str],
    seconds: float | None,
) -> str:
    """Write the head of a report.

    Args:
        scenes: Rasters.
        maps: Their maps.
        segmenter: Fitted estimator.
        bands: Names of the bands.
        seconds: Time that the run has taken.

    Returns:
        HTML.
    """
    facts: dict[str, str | None] = {'Command': typed_command('segment')}
    names = [html.escape(short_name(scene)) for scene in scenes]
    more = f' and {len(names) - _NAMED} more' if len(names) > _NAMED else ''
    facts['Scenes' if len(names) > 1 else 'Scene'] = ', '.join(names[:_NAMED]) + more
    with rasterio.open(maps[0]) as src:
        facts['Size'] = f'{src.height:,} x {src.width:,} pixels'
        crs = src.crs
        gsd = ground_sample_distance(crs, src.transform, src.height, src.width)
    facts['Bands'] = html.escape(', '.join(bands))
    units = read_units(scenes, segmenter.bands_)
    shown = describe_units(units, segmenter.scale, segmenter.ignore_scale)
    facts['Units'] = html.escape(shown or 'digital numbers')
    facts['CRS'] = name_crs(crs) if crs else 'none, so that areas are in pixels'
    facts['GSD'] = None if gsd is None else f'{gsd:.4g} m'
    stride = segmenter.mask_stride
    facts['Smallest region'] = f'about {stride} pixels'
    if gsd is not None:
        facts['Smallest region'] = f'about {stride} pixels, {stride * gsd:.4g} m'
    light = radiometry_lines(scenes, maps, bands)
    facts['Radiometry'] = '<br>'.join(map(html.escape, light)) or None
    facts['Training'] = 'none: local colour tells the classes'
    if segmenter.task_.model.needs_network:
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
    return facts_list(facts)


def facts_list(facts: Mapping[str, str | None]) -> str:
    """Write facts as a list.

    Args:
        facts: What is said of each, as HTML; None is left out.

    Returns:
        HTML.
    """
    return (
        '<dl class="facts">'
        + ''.join(
            f'<div{" class=wide" if key in _WIDE else ""}><dt>{key}</dt>'
            f'<dd>{f"<code>{value}</code>" if key == "Command" else value}</dd></div>'
            for key, value in facts.items()
            if value
        )
        + '</dl>'
    )


def typed_command(name: str) -> str | None:
    """The command as it was typed.

    Args:
        name: Name of the command.

    Returns:
        HTML, or None from Python.
    """
    program, *args = sys.argv
    path = Path(program)
    module = path.parent.name == 'torchgeo_ktextures' and path.stem in (
        'cli',
        '__main__',
    )
    if not (path.stem == 'torchgeo-ktextures' or module) or name not in args:
        return None
    shown = [without_secrets(arg) for arg in args]
    return html.escape(f'torchgeo-ktextures {shlex.join(shown)}')


def name_crs(crs: object) -> str:
    """Name a coordinate reference system.

    Args:
        crs: Coordinate reference system.

    Returns:
        HTML.
    """
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
