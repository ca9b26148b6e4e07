# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Zarr and NetCDF files as rasters.

xarray tells which variables are bands, what they are called, where they are and what
their numbers mean. GDAL reads the pixels where it finds the same ones; else they are
copied, block by block, to a temporary GeoTIFF.
"""

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import DataWarning, first_line
from .addresses import is_remote, without_secrets
from .array_grid import grid_of_plane
from .array_pixels import ArrayBand, copied_raster, virtual_raster
from .opening import CorruptRasterError, MissingRasterError

#: Ends of names of files that xarray reads.
_SUFFIXES = ('.zarr', '.nc', '.nc4')

#: What xarray says where something is missing that reads a file.
_NOT_INSTALLED = (
    'unrecognized engine',
    'dependencies may not be installed',
    'No module named',
)

#: Rasters of files that were opened before, by their state.
_RASTERS: dict[tuple[str, ...], str] = {}


def is_array_file(path: str) -> bool:
    """Whether a path names a file of arrays, by its form.

    Args:
        path: Path or address.

    Returns:
        True for files ``.nc`` and for folders or addresses ``.zarr``. Names of
        subdatasets, such as ``NETCDF:scene.nc:red``, are left to GDAL.
    """
    end = os.path.splitext(path.rstrip('/'))[1].lower()
    if is_remote(path):
        return end == '.zarr' and '://' in path and not path.startswith('/vsi')
    return end in _SUFFIXES


def array_sources(path: str) -> list[str]:
    """Files that an array file consists of.

    Args:
        path: Path or address.

    Returns:
        Paths of files; the address of what is not on this machine.
    """
    if not os.path.isdir(path):
        return [path]
    return sorted(
        os.path.join(folder, file)
        for folder, _, files in os.walk(path)
        for file in files
    )


def array_raster(path: str) -> str:
    """Make a raster of a file of arrays.

    Args:
        path: Path or address.

    Returns:
        Path of the raster.

    Raises:
        CorruptRasterError: If it cannot be read.
        ImportError: If xarray, or what it needs to read the file, is not installed.
        ValueError: If it is no scene, such as several dates.
    """
    if not is_remote(path) and not os.path.exists(path):
        raise MissingRasterError(
            f'raster {path!r} does not exist; check the path', path
        )
    state = (path, *map(_state, array_sources(path)))
    if state not in _RASTERS:
        _RASTERS[state] = _make(path)
    return _RASTERS[state]


def _state(file: str) -> str:
    if not os.path.exists(file):
        return file
    stat = os.stat(file)
    return f'{file} {stat.st_size} {stat.st_mtime_ns}'


def _make(path: str) -> str:
    """Make a raster of what is in a file."""
    # Here because they bring torch, which rasters alone do not need.
    from ..datamodules.xarrays import Wrap, xarray_image
    from ..datasets.dask_blocks import BlockCache

    shown = without_secrets(path)
    with _opened(path) as dataset:
        try:
            image, _ = xarray_image(dataset, [], BlockCache())
        except ValueError as error:
            raise ValueError(f'{shown}: {_in_file(first_line(error))}') from None
        found = []
        for part in image.parts:
            count = part.values.shape[0]
            factor, summand = part.scaling or (np.ones(count), np.zeros(count))
            for i in range(count):
                tags = part.nodata[i], float(factor[i]), float(summand[i])
                found.append(ArrayBand(None, part.values, i, *tags))
        if image.names is not None:
            named = zip(image.names, image.order, strict=True)
            found = [found[i]._replace(name=name) for name, i in named]
        assert isinstance(image.wrap, Wrap)
        grid = grid_of_plane(image.wrap.plane)
        if grid.transform is None:
            msg = f'{shown}: its coordinates are no even grid, so that it has no place'
            warnings.warn(msg, DataWarning, stacklevel=2)
        return virtual_raster(path, found, grid) or copied_raster(path, found, grid)


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    """A dataset of xarray, of which nothing is read yet, with numbers as stored."""
    shown = without_secrets(path)
    zarr = path.rstrip('/').lower().endswith('.zarr')
    try:
        import xarray
    except ImportError as error:
        raise ImportError(_missing(shown, error)) from None
    zarr = path.rstrip('/').lower().endswith('.zarr')
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # of details that have no part here
            dataset = xarray.open_dataset(
                path,
                engine='zarr' if zarr else None,
                decode_times=False,
                mask_and_scale=False,
                decode_coords='all',
                cache=False,
            )
    except Exception as error:  # noqa: BLE001 - damaged files fail by anything
        reason = first_line(error)
        if any(text in str(error) for text in _NOT_INSTALLED):
            raise ImportError(_missing(shown, reason)) from None
        msg = f'{shown} is not a readable file of arrays ({reason}); check the file, '
        raise CorruptRasterError(f'{msg}or get a fresh copy', path) from None
    with dataset:
        yield dataset


def _in_file(reason: str) -> str:
    """What is wrong with a dataset, with the remedy for a file."""
    choice = re.search(r'; choose one with (\.isel\(.*?\)).*', reason)
    if choice is None:
        return reason
    remedy = f'; write one to a file of its own, as with dataset{choice[1]}'
    return f'{reason[: choice.start()]}{remedy}.to_netcdf(FILE)'


def _missing(shown: str, reason: object) -> str:
    msg = f'{shown} needs the extra xarray ({reason}); install it with pip install '
    return f"{msg}'torchgeo-ktextures[xarray]'"
