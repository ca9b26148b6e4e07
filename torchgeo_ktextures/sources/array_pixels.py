# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Pixels of arrays in files, as rasters that GDAL reads."""

import atexit
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader, DatasetWriter, MemoryFile
from rasterio.transform import Affine
from rasterio.windows import Window

from ..maps.output import complete_file
from .addresses import (
    SOURCE_TAG,
    is_network,
    limit_waiting,
    raster_name,
    vsi_path,
    without_secrets,
)
from .array_grid import ArrayGrid
from .virtual import BandHeader, Header, VirtualBand, write_virtual

#: Least height and width of what is copied at once, and of the parts by which arrays are
#: compared.
_BLOCK, _PROBE = 1024, 64

#: Rasters in memory, which end with the process.
_IN_MEMORY: list[MemoryFile] = []


class ArrayBand(NamedTuple):
    """A band of a file of arrays."""

    #: Its name, if it has one.
    name: str | None
    #: Array of xarray of shape (C, H, W), still in its file, and the number of the band.
    values: Any
    number: int
    #: Values that mean no data.
    nodata: Sequence[float]
    #: Factor and summand that bring numbers to their unit.
    scale: float
    offset: float


def virtual_raster(
    path: str, bands: Sequence[ArrayBand], grid: ArrayGrid
) -> str | None:
    """Make a virtual raster of arrays that GDAL reads as xarray does.

    Args:
        path: Path or address of the file.
        bands: Its bands.
        grid: Where they are.

    Returns:
        Path of a raster in memory, or None where GDAL reads something else, or where
        what it reads does not tell.
    """
    height, width = bands[0].values.shape[1:]
    transform = grid.transform or Affine.identity()
    kind, slash = (
        ('ZARR', '/') if path.rstrip('/').endswith('.zarr') else ('NETCDF', '')
    )
    headers: dict[int, Header] = {}
    for band in bands:
        key, name = id(band.values), band.values.name
        if len(band.nodata) > 1 or name is None:
            return None
        if key in headers:
            continue
        source = f'{kind}:"{vsi_path(path)}":{slash}{name}'
        dtype = _same_pixels(source, band.values, grid.flipped, is_network(path))
        if dtype is None:
            return None
        one = BandHeader(None, dtype, None, 1, 0)
        tall = [one] * band.values.shape[0]
        headers[key] = Header(source, grid.crs, transform, height, width, tall)
    virtual = [
        VirtualBand(
            b.name,
            headers[id(b.values)],
            b.number + 1,
            next(iter(b.nodata), None),
            b.scale,
            b.offset,
        )
        for b in bands
    ]
    tags = {SOURCE_TAG: without_secrets(path)}
    text = write_virtual(headers[id(bands[0].values)], virtual, tags=tags)
    memory = MemoryFile(text.encode(), filename=f'{raster_name(path)}.vrt')
    _IN_MEMORY.append(memory)
    found: str = memory.name
    return found


def _same_pixels(source: str, values: Any, flipped: bool, network: bool) -> str | None:
    """Type of the pixels of a raster if they are those of an array."""
    if network:
        limit_waiting()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', NotGeoreferencedWarning)
            with rasterio.open(source) as src:
                if (src.count, *src.shape) != values.shape:
                    return None
                return src.dtypes[0] if _agree(src, values, flipped) else None
    except RasterioError:
        return None


def _agree(src: DatasetReader, values: Any, flipped: bool) -> bool:
    """Whether three parts are the same; equal numbers everywhere tell nothing."""
    varied = False
    height, width = src.shape
    for share in (0, 0.5, 1):
        row, col = (round(share * max(n - _PROBE, 0)) for n in (height, width))
        window = Window(col, row, min(_PROBE, width), min(_PROBE, height))
        theirs = src.read(window=window)
        ours = read_rows(values, row, window.height, flipped)[:, :, col : col + _PROBE]
        if theirs.dtype != ours.dtype or not np.array_equal(
            theirs, ours, equal_nan=ours.dtype.kind == 'f'
        ):
            return False
        varied |= bool((theirs[:, :1, :1] != theirs).any())
    return varied


def read_rows(
    values: Any, row: int, height: int, flipped: bool, cols: slice = slice(None)
) -> npt.NDArray[Any]:
    """Read rows of an array, from north to south.

    Args:
        values: Array of xarray of shape (C, H, W).
        row: First row.
        height: Number of rows.
        flipped: Whether rows of the array go from south to north.
        cols: Columns.

    Returns:
        Numbers of shape ``(C, height, w)``.
    """
    if not flipped:
        return np.asarray(values[:, row : row + height, cols])
    stop = values.shape[1] - row
    return np.asarray(values[:, stop - height : stop, cols])[:, ::-1]


def copied_raster(path: str, bands: Sequence[ArrayBand], grid: ArrayGrid) -> str:
    """Copy arrays to a temporary GeoTIFF, block by block.

    Args:
        path: Path or address of the file.
        bands: Its bands.
        grid: Where they are.

    Returns:
        Path of a raster that is removed when the process ends.

    Raises:
        OSError: If it cannot be written.
    """
    dtype, nodata = _type_of(bands)
    height, width = bands[0].values.shape[1:]
    folder = Path(tempfile.mkdtemp(prefix='ktextures-'))
    atexit.register(_remove, folder, os.getpid())
    target = folder / f'{raster_name(path)}.tif'
    with warnings.catch_warnings(), complete_file(target) as temporary:
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        with rasterio.open(
            temporary,
            'w',
            driver='GTiff',
            count=len(bands),
            height=height,
            width=width,
            dtype=dtype,
            nodata=nodata,
            crs=grid.crs,
            transform=grid.transform or Affine.identity(),
            tiled=True,
            blockxsize=512,
            blockysize=512,
            bigtiff='IF_SAFER',
        ) as dst:
            _write(dst, bands, grid.flipped)
            dst.update_tags(**{SOURCE_TAG: without_secrets(path)})
            dst.descriptions = tuple(band.name for band in bands)
            dst.scales = tuple(band.scale for band in bands)
            dst.offsets = tuple(band.offset for band in bands)
    return str(target)


def _type_of(bands: Sequence[ArrayBand]) -> tuple[np.dtype[Any], float | None]:
    """Type and nodata of a copy.

    A GeoTIFF has one nodata for all bands. Where that does not do, it is NaN.
    """
    types = {band.values.dtype for band in bands}
    known = {tuple(band.nodata) for band in bands}
    nodata = next(iter(known))
    if len(types) == len(known) == 1 and len(nodata) < 2:
        dtype = types.pop()
        dtype = np.dtype(np.uint8) if dtype.kind == 'b' else dtype
        return dtype, nodata[0] if nodata else None
    return np.dtype(np.float32), np.nan


def _write(dst: DatasetWriter, bands: Sequence[ArrayBand], flipped: bool) -> None:
    # Here because it brings torch, which rasters alone do not need.
    from ..datasets.validity import is_nodata

    dtype = np.dtype(dst.dtypes[0])
    arrays = {id(band.values): band.values for band in bands}
    for key, values in arrays.items():
        own = [(n, b) for n, b in enumerate(bands, 1) if id(b.values) == key]
        for window in _blocks(values):
            rows = window.row_off, window.height
            _, cols = window.toslices()
            block = read_rows(values, *rows, flipped, cols)
            for number, band in own:
                pixels = block[band.number].astype(dtype)
                if dst.nodata is not None and np.isnan(dst.nodata):
                    pixels[is_nodata(block[band.number], band.nodata)] = np.nan
                dst.write(pixels, number, window=window)


def _blocks(values: Any) -> Iterator[Window]:
    """Divide an array into blocks of whole chunks."""
    height, width = values.shape[1:]
    chunks = values.encoding.get('preferred_chunks') or {}
    sizes = []
    for dim, length in zip(values.dims[1:], (height, width), strict=True):
        chunk = int(chunks.get(dim, 1))
        sizes.append(min(length, chunk * -(-_BLOCK // chunk)))
    for row in range(0, height, sizes[0]):
        for col in range(0, width, sizes[1]):
            yield Window(
                col, row, min(sizes[1], width - col), min(sizes[0], height - row)
            )


def _remove(folder: Path, process: int) -> None:
    if process == os.getpid():  # and not in a worker that was forked
        shutil.rmtree(folder, ignore_errors=True)
