# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""How far apart the scenes of a run were in their light."""

from collections.abc import Sequence
from pathlib import Path

from ..inference.origin import read_tags
from ..maps.radiometry import MapRadiometry

#: Most scenes that are shown.
_SHOWN = 12


def radiometry_lines(
    scenes: Sequence[str], maps: Sequence[Path], bands: Sequence[str]
) -> list[str]:
    """Say what brought scenes to one radiometry, by their maps.

    Args:
        scenes: Rasters.
        maps: Their maps.
        bands: Names of the bands.

    Returns:
        A line for each of the first scenes, none if bands were taken as they are.
    """
    lines = []
    for scene, path in zip(scenes, maps, strict=True):
        found = MapRadiometry.of_tags(read_tags(path))
        if found is not None:
            lines.append(f'{Path(scene).name}: {found.sentence(bands)}')
    rest = len(lines) - _SHOWN
    return lines[:_SHOWN] + ([f'and {rest} more'] if rest > 0 else [])


def print_radiometry(
    scenes: Sequence[str], maps: Sequence[Path], bands: Sequence[str]
) -> None:
    """Print what brought scenes to one radiometry, if anything did.

    Args:
        scenes: Rasters.
        maps: Their maps.
        bands: Names of the bands.
    """
    lines = radiometry_lines(scenes, maps, bands)
    if lines:
        print('\nRadiometry:', *lines, sep='\n  ')
