# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Whether the files that a run leaves are whole."""

import re
import sqlite3
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import geopandas as gpd
import matplotlib.image
import numpy as np
import numpy.typing as npt
import rasterio
import torch
import yaml

from .runs import Run, arguments

#: Kept on purpose when a fit is there but its maps are not.
_KEPT = re.compile(r'\.map\.[0-9a-f]{16}\.ckpt')


class Pixels(NamedTuple):
    """A raster as GDAL reads it."""

    data: npt.NDArray[Any]
    valid: npt.NDArray[np.bool_]
    grid: tuple[Any, ...]
    tags: tuple[Any, ...]


def read(path: Path, bands: int | None = None) -> Pixels:
    """Read the first bands of a raster, by default all."""
    with warnings.catch_warnings(), rasterio.open(path) as src:
        warnings.simplefilter('ignore')
        indexes = list(range(1, (bands or src.count) + 1))
        data = src.read(indexes)
        valid = (src.read_masks(indexes) > 0).all(0)
        if np.issubdtype(data.dtype, np.floating):
            valid &= np.isfinite(data).all(0)
        grid = src.crs, src.transform, src.shape
        try:
            tags = src.descriptions, src.scales, src.offsets, src.colorinterp
        except UnicodeDecodeError:
            return Pixels(data, valid, grid, ('not readable',))
        return Pixels(data, valid, grid, tags)


def broken_files(run: Run) -> list[str]:
    """Find files of the output that are not whole, and temporary ones."""
    faults = []
    for path in sorted(run.output.rglob('*')):
        if path.name.startswith('.'):
            if not (_KEPT.fullmatch(path.name) and 'segment' in arguments(run)[:1]):
                faults.append(f'temporary file {path.name}')
        elif path.is_dir() or (path == run.damaged and run.is_left()):
            continue  # what was there before
        else:
            try:
                _READERS.get(path.suffix, Path.read_bytes)(path)
            except Exception as error:  # noqa: BLE001 - libraries fail by anything
                faults.append(f'broken {path.name} ({type(error).__name__}: {error})')
    chips = run.output / 'samples' / 'chips'
    if chips.exists() and not (chips / 'metadata.yaml').exists():
        faults.append('chips without metadata')
    return faults


def _read_raster(path: Path) -> None:
    nodata = rasterio.open(path).nodata
    pixels = read(path)
    single = len(pixels.data) == 1
    if single and pixels.data.dtype.kind == 'u' and nodata is None:
        raise ValueError('no nodata')


def _read_yaml(path: Path) -> None:
    if yaml.safe_load(path.read_text('utf-8')) is None:
        raise ValueError('empty')


def _read_vector(path: Path) -> None:
    for layer in gpd.list_layers(path)['name']:
        gpd.read_file(path, layer=layer)
    with sqlite3.connect(path) as database:
        if database.execute('PRAGMA integrity_check').fetchone() != ('ok',):
            raise ValueError('not whole')


_READERS: dict[str, Callable[[Path], object]] = {
    '.tif': _read_raster,
    '.gpkg': _read_vector,
    '.yaml': _read_yaml,
    '.png': matplotlib.image.imread,
    '.xml': ElementTree.parse,
    '.ckpt': lambda path: torch.load(path, 'cpu', weights_only=True),
}
