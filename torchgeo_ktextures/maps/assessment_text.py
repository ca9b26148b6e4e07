# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The accuracy of a map as Markdown and as JSON."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..metrics import Estimate
from ..metrics.stratified import Z95
from .assessment import Assessment

#: What every reader should know.
_GENERAL = """\
* An interval of ± 0 means that all points of a stratum agree, not that there is no
  error.
* Estimates hold if points were drawn at random in each stratum, as `suggest --for
  assessment` does, and took no part in making the map.
* Estimators: Olofsson et al. 2014, doi:10.1016/j.rse.2014.02.015, and, for strata other
  than the classes of the map, Stehman 2014, doi:10.1080/01431161.2014.930207."""


def as_markdown(found: Assessment) -> str:
    """Write an assessment as Markdown.

    Args:
        found: Assessment.

    Returns:
        Text that is easy to read as it is.
    """
    accuracy, names = found.accuracy, list(found.names)
    strata = 'the classes of the map'
    if found.own_strata:
        strata = f'those of {Path(found.points).name}'
    rows = [
        [
            name,
            f'{accuracy.counts[i].sum()}',
            f'{accuracy.counts[:, i].sum()}',
            f'{found.mapped_areas[i]:,.1f}',
            _with_error(accuracy.areas, i, ',.1f'),
            _with_error(accuracy.users, i),
            _with_error(accuracy.producers, i),
            _number(accuracy.f1[i], '.3f'),
        ]
        for i, name in enumerate(names)
    ]
    heads = [
        *('class', 'points in map', 'points of class', 'mapped ha', 'estimated ha'),
        *("user's accuracy", "producer's accuracy", 'F1'),
    ]
    counts = [
        [name, *map(str, row), str(row.sum())]
        for name, row in zip(names, accuracy.counts, strict=True)
    ]
    counts.append(
        ['total', *map(str, accuracy.counts.sum(0)), str(accuracy.counts.sum())]
    )
    shares = [
        [name, *(f'{p:.4f}' for p in row), f'{row.sum():.4f}']
        for name, row in zip(names, accuracy.proportions, strict=True)
    ]
    shares.append(['total', *(f'{p:.4f}' for p in accuracy.proportions.sum(0)), '1'])
    about = f'{accuracy.counts.sum()} points of {Path(found.points).name}. Strata: '
    about += f'{strata}. Intervals (±) are of 95 %.'
    parts = [
        f'# Accuracy of {Path(found.labels).name}',
        about,
        f'Overall accuracy: {_with_error(accuracy.overall, ...)}',
        _table(heads, rows),
        '## Points',
        'Rows: class of the map. Columns: class of the points.',
        _table(['map', *names, 'total'], counts),
        '## Estimated shares of the area',
        _table(['map', *names, 'total'], shares),
        '## Notes',
        '\n'.join([*(f'* {_sentence(note)}' for note in found.notes), _GENERAL]),
    ]
    return '\n\n'.join(parts) + '\n'


def as_json(found: Assessment) -> str:
    """Write an assessment as JSON.

    Args:
        found: Assessment.

    Returns:
        Text. Numbers that cannot be estimated are null.
    """
    accuracy = found.accuracy
    classes = [
        {
            'name': name,
            'mapped_ha': found.mapped_areas[i],
            'area_ha': _content(accuracy.areas, i, math.inf),
            'users_accuracy': _content(accuracy.users, i),
            'producers_accuracy': _content(accuracy.producers, i),
            'f1': _or_none(accuracy.f1[i]),
        }
        for i, name in enumerate(found.names)
    ]
    content = {
        'map': found.labels,
        'points': found.points,
        'num_points': int(accuracy.counts.sum()),
        'strata': 'points' if found.own_strata else 'map',
        'overall_accuracy': _content(accuracy.overall, ...),
        'classes': classes,
        'counts': accuracy.counts.tolist(),
        'proportions': accuracy.proportions.tolist(),
        'unknown_ha': accuracy.unknown_area,
        'notes': list(found.notes),
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + '\n'


def _content(estimates: Estimate, index: Any, most: float = 1) -> dict[str, Any]:
    low, high = estimates.interval(most)
    return {
        'estimate': _or_none(estimates.value[index]),
        'standard_error': _or_none(estimates.error[index]),
        'interval_95': [_or_none(low[index]), _or_none(high[index])],
    }


def _or_none(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _number(value: Any, form: str) -> str:
    return format(float(value), form) if np.isfinite(value) else '?'


def _with_error(estimates: Estimate, index: Any, form: str = '.3f') -> str:
    value, error = estimates.value[index], estimates.error[index]
    return f'{_number(value, form)} ± {_number(Z95 * error, form)}'


def _sentence(note: str) -> str:
    return note[:1].upper() + note[1:] + '.'


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Table of Markdown, in columns of one width."""
    cells = [[cell.replace('|', r'\|') for cell in row] for row in (heads, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        rest = (c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))
        lines.append('| ' + ' | '.join([row[0].ljust(widths[0]), *rest]) + ' |')
    rule = [f'{"":-<{widths[0] + 2}}', *(f'{"":-<{w + 1}}:' for w in widths[1:])]
    lines.insert(1, '|' + '|'.join(rule) + '|')
    return '\n'.join(lines)
