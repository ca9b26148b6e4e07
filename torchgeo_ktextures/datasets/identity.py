# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Telling whether a raster has changed."""

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from ..sources import is_stac
from ..sources.addresses import split_item
from ..sources.array_files import array_sources, is_array_file
from .rasters import CorruptRasterError, open_raster

#: File systems of GDAL that are archives or parts of files of this machine.
#: https://gdal.org/en/stable/user/virtual_file_systems.html
_LOCAL = re.compile(r'/vsi(zip|tar|gzip|7z|rar|subfile|sparse|cached)(?=[/{])')


def raster_state(path: str, more: Iterable[str] = ()) -> str | None:
    """Describe a raster by all files that GDAL reads for it.

    These are the file, its masks, overviews and sidecar files, the sources of a virtual
    raster, and the archive that it is in.

    Args:
        path: Raster.
        more: Further files that decide how it is read.

    Returns:
        Paths, sizes and times of change, the same as long as nothing changed, or None
        where that cannot be told, as for remote files.
    """
    pending, seen = [path, *more], {}
    while pending:
        item = pending.pop()
        try:
            with open_raster(item) as src:
                files = list(src.files) or [item]
            if is_stac(item):  # a raster in memory, of the assets that its file names
                files[0] = split_item(item)[0]
            elif is_array_file(item):
                files = array_sources(item)
        except CorruptRasterError:
            files = [item]
        for file in files:
            local = _local_file(file)
            if local is None:
                return None
            if local in seen:
                continue
            stat = os.stat(local)
            seen[local] = f'{os.path.abspath(local)} {stat.st_size} {stat.st_mtime_ns}'
            # GDAL names the sources of a virtual raster, but not theirs.
            if file != item and file.lower().endswith('.vrt'):
                pending.append(file)
    return '\n'.join([path, *(seen[file] for file in sorted(seen))])


def digest_of(parts: Iterable[str], rasters: Iterable[str]) -> str | None:
    """Tell what is made of rasters from what is made of others, or in another way.

    Args:
        parts: What it is made by.
        rasters: Rasters that it is made of.

    Returns:
        64 hexadecimal digits, or None where it cannot be told whether a raster has
        changed.
    """
    states = [raster_state(raster) for raster in rasters]
    known = [state for state in states if state is not None]
    if len(known) < len(states):
        return None
    return hashlib.sha256('\n'.join([*parts, *known]).encode()).hexdigest()


def _local_file(path: str) -> str | None:
    """File of this machine that holds what a path of GDAL names."""
    while match := _LOCAL.match(path):
        path = re.sub(r'^/(\d+_\d+,|\{.*?\})?', '', path[match.end() :]).rstrip('}')
        path = path if os.path.exists(path) or path.startswith('/') else f'/{path}'
    if path.startswith('/vsi'):
        return None
    for name in (path, *map(str, Path(path).parents)):
        if os.path.isfile(name):
            return name
    quoted = re.search(r'"(.+?)"', path)
    parts = [quoted[1]] if quoted else path.split(':')[1:]
    return next((part for part in parts if os.path.isfile(part)), None)
