# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Changes in words and columns."""

from collections.abc import Iterator

import numpy as np

from .map_changes import ChangeMaps

#: Most classes of a matrix that fits on a screen, and most transitions in a list.
_CLASSES, _LISTED = 9, 12

#: Width of a name and of a number.
_NAME, _NUMBER = 18, 12


def change_lines(changes: ChangeMaps) -> Iterator[str]:
    """Say what has changed.

    Args:
        changes: What was found.

    Yields:
        Lines of text.
    """
    found = changes.transitions
    first, last = changes.dates[0], changes.dates[-1]
    unit = 'pixels' if found.hectares is None else 'hectares'
    yield from changes.notes
    yield f'\n{summary(changes)}\n'
    used = (found.size.sum(0) + found.size.sum(1)).nonzero()[0]
    if len(used) <= _CLASSES:
        yield f'{unit}, {first} in rows, {last} in columns'
        names = [found.names[i] for i in used]
        yield _row('', [_cut(name, _NUMBER - 1) for name in names])
        for i in used:
            yield _row(found.names[i], [size_text(found.size[i, j]) for j in used])
    else:
        yield f'largest changes, {unit}'
        moved = found.size - np.diag(found.size.diagonal())
        order = np.argsort(-moved, axis=None, kind='stable')[:_LISTED]
        for i, j in zip(*np.unravel_index(order, moved.shape), strict=True):
            if moved[i, j] > 0:
                name = f'{found.names[i]} to {found.names[j]}'
                yield f'{name:{2 * _NAME}} {size_text(moved[i, j]):>{_NUMBER}}'
    classes = found.classes()
    columns = [c for c in classes if not c.endswith('_percent') and c != 'class']
    titles = [column.removesuffix('_pixels').removesuffix('_ha') for column in columns]
    yield ''
    yield _row('class', [*titles, 'net, %'])
    for _, row in classes.iterrows():
        net = row['net_percent']
        share = f'{net:+.1f}' if np.isfinite(net) else 'new'
        yield _row(str(row['class']), [*(size_text(row[c]) for c in columns), share])


def summary(changes: ChangeMaps) -> str:
    """Say in a sentence or two how much has changed.

    Args:
        changes: What was found.

    Returns:
        Text.
    """
    found = changes.transitions
    moved = found.size.sum() - found.size.trace()
    unit = 'pixels' if found.hectares is None else 'ha'
    total = found.pixels.sum()
    if not total:
        return 'No pixel has a class at two dates, so nothing is known to have changed.'
    text = (
        f'{found.changed:.1%} of what is known ({size_text(moved)} {unit}) is another '
    )
    text += f'class at {changes.dates[-1]} than at {changes.dates[0]}.'
    doubtful = found.differing / total - found.changed
    if doubtful > 0.0005:
        text += (
            f' On another {doubtful:.1%} the maps differ, but no more than a shift, '
        )
        text += 'doubt, the minimum area or the scenes explain.'
    unknown = found.unknown[0] / (total + found.unknown[0])
    if unknown:
        text += f' {unknown:.1%} is unknown: only one date has a class there.'
    return text.replace('%', ' %')


def _row(name: str, cells: list[str]) -> str:
    return f'{_cut(name, _NAME):{_NAME}}' + ''.join(f'{c:>{_NUMBER}}' for c in cells)


def _cut(name: str, width: int) -> str:
    return name if len(name) <= width else f'{name[: width - 1]}…'


def size_text(value: float) -> str:
    """Write an area, or a number of pixels.

    Args:
        value: Hectares or pixels.

    Returns:
        Two digits after the point, unless there are many before it or none is needed.
    """
    return f'{value:,.2f}' if value < 1000 and value % 1 else f'{value:,.0f}'
