# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Rows of results in a CSV file."""

import csv
import hashlib
import io
import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .scores import SCORES

#: What tells a result from others: a row with the same is not computed again.
KEY = (
    'method',
    'dataset',
    'task',
    'clusters',
    'k',
    'seed',
    'config_hash',
    'data_hash',
)
COLUMNS = (
    *KEY,
    *SCORES,
    'wall_seconds',
    'cpu_seconds',
    'peak_memory_mib',
    'threads',
    'time',
    'platform',
    'versions',
    'settings',
)

#: Libraries that compute.
LIBRARIES = (
    'torchgeo-ktextures',
    'torch',
    'torchgeo',
    'scikit-learn',
    'scikit-image',
    'scipy',
    'numpy',
)

type Row = dict[str, str]


def config_hash(name: str, settings: Mapping[str, Any]) -> str:
    """First 12 hexadecimal digits of the SHA-256 of a method's name and settings."""
    text = json.dumps([name, settings], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def environment() -> Row:
    """Describe where results come from."""
    versions = {'python': platform.python_version()}
    versions |= {name: version(name) for name in LIBRARIES}
    return {
        'platform': f'{platform.system()} {platform.machine()}',
        'versions': json.dumps(versions),
    }


def key(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Key of a row."""
    return tuple(str(row[name]) for name in KEY)


def read_rows(path: Path, columns: Sequence[str] = COLUMNS) -> list[Row]:
    """Read the rows of a file.

    Args:
        path: File, which need not exist.
        columns: Columns that it has.

    Returns:
        Rows, without one that was cut off.

    Raises:
        ValueError: If the file has other columns.
    """
    if not path.exists() or not path.stat().st_size:
        return []
    with path.open(newline='') as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != tuple(columns):
            msg = f'{path} has other columns than this benchmark writes; '
            raise ValueError(msg + 'move it away, or give another --output')
        return [row for row in reader if None not in row.values()]


def append_row(
    path: Path, row: Mapping[str, Any], columns: Sequence[str] = COLUMNS
) -> None:
    """Append a row in one write, such that a killed run leaves whole rows.

    Args:
        path: File, which is made with a header if it does not exist.
        row: A value for each column.
        columns: Columns of the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO(newline='')
    writer = csv.DictWriter(text, columns)
    if not path.exists() or not path.stat().st_size:
        writer.writeheader()
    elif path.read_bytes()[-1:] != b'\n':
        text.write('\r\n')
    writer.writerow(row)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, text.getvalue().encode())
    finally:
        os.close(handle)
