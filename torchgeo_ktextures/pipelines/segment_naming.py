# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Names of classes that are typed into a report and saved as a legend."""

import html
from collections.abc import Sequence
from pathlib import Path


def naming_panel(legend: Path, maps: Sequence[Path], count: int | None) -> str:
    """Button that saves names, and what to do with them.

    Args:
        legend: Legend to be named.
        maps: Maps of its classes.
        count: Number of classes, or None where it cannot be changed.

    Returns:
        HTML.
    """
    name, labels = (html.escape(p.name) for p in (legend, maps[0]))
    merge = ''
    if count is not None:
        merge = (
            ' Without names, <code>torchgeo-ktextures merge '
            f'{labels} --n-clusters <span data-k>{count}</span> --output merged.tif'
            '</code> writes the map that is shown.'
        )
    return (
        '<p id="problem" role="alert" class="script"></p>'
        '<div class="script save"><button type="button" class="main" id="save">Save the '
        f'names as {name}</button><span class="note" id="count"></span></div>'
        '<p class="script note">Classes of the same name become one class, and so do '
        'those that are one at the number of classes that is shown. The browser keeps '
        'what you type. Apply the names with <code>torchgeo-ktextures relabel '
        f'{labels} --classes {name} --output named.tif</code>.{merge}</p>'
    )


def split_legend(legend: Path | None) -> list[str | dict[str, int]]:
    """Take the names and colours out of a legend.

    Args:
        legend: Legend to be named, if there is one.

    Returns:
        Parts of its text in their order, between them ``{'name': 3}`` and
        ``{'color': 3}`` where the name and the colour of a class go.
    """
    if legend is None:
        return []
    found: list[str | dict[str, int]] = []
    number = -1
    for line in legend.read_text('utf-8').splitlines(keepends=True):
        if line.startswith('- index: '):
            number = int(line.removeprefix('- index: '))
        key = line.strip().partition(':')[0]
        # Comments have such words as well.
        if number >= 0 and key in ('name', 'color') and line.startswith('  '):
            found += [f'  {key}: ', {key: number}, '\n']
        else:
            found.append(line)
    return found
