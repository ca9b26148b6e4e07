# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Files that appear under their names when they are complete."""

import errno
import functools
import glob
import hashlib
import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rasterio.errors import RasterioError

from ..errors import UnreadableError, first_line

#: What writing may fail by; that of vectors by a RuntimeError.
WRITE_ERRORS = (OSError, RasterioError, RuntimeError)

#: Ends of temporary names that have no owner, as earlier versions left them.
_OWNERLESS = re.compile(
    r'(unfinished|named|sieved|merged|\d+\.(unfinished|part|npz)).*'
)
_OWNED = re.compile(r'([0-9a-f]{6})-(\d+)\..*', re.DOTALL)

#: What to do about errors, by number and by what GDAL says, which has no number.
_REMEDIES = {
    errno.ENOSPC: 'free disk space',
    errno.EDQUOT: 'free disk space',
    errno.EFBIG: 'free disk space, or raise the limit of file sizes',
    errno.EACCES: 'choose a folder that you can write to',
    errno.EPERM: 'choose a folder that you can write to',
    errno.EROFS: 'choose a folder that you can write to',
    errno.ENOENT: 'make its folder first',
    errno.ENOTDIR: 'a file is where a folder should be, choose another folder',
    errno.EEXIST: 'a file is where a folder should be, choose another folder',
    errno.EISDIR: 'a folder has this name, choose another one',
    errno.ENOTEMPTY: 'a folder has this name, choose another one',
    errno.ENAMETOOLONG: 'choose a shorter name',
}
_TEXTS = {
    'no space left': errno.ENOSPC,
    'disk is full': errno.ENOSPC,
    'file too large': errno.EFBIG,
    'permission denied': errno.EACCES,
    'read-only': errno.EROFS,
    'readonly': errno.EROFS,
    'no such file': errno.ENOENT,
    'not a directory': errno.ENOTDIR,
    'is a directory': errno.EISDIR,
    'name too long': errno.ENAMETOOLONG,
    # What was not written cannot be read back.
    'write': errno.ENOSPC,
    'written': errno.ENOSPC,
    'failed to read directory': errno.ENOSPC,
}


class _WriteError(OSError):
    """A file cannot be written, and the message says so."""


@functools.cache
def _host() -> str:
    name = socket.gethostname().encode()
    return hashlib.sha1(name, usedforsecurity=False).hexdigest()[:6]


def this_process() -> str:
    """Name of this process among those that may use a folder.

    Returns:
        A mark of the host, and the number of the process: ``HOST-PID``.
    """
    return f'{_host()}-{os.getpid()}'


def temporary_path(path: Path, stage: str, owner: str | None = None) -> Path:
    """Path of a temporary file, or folder, beside another.

    Args:
        path: Path of the other file.
        stage: What the temporary one is for, and the suffix that a format needs.
        owner: Process that it belongs to (defaults to :func:`this_process`).

    Returns:
        The path, a hidden one.
    """
    return path.with_name(f'.{path.name}.{owner or this_process()}.{stage}')


def remove_leftovers(path: Path, owner: str | None = None) -> None:
    """Remove temporary files beside another that nobody uses any more.

    These are those of processes of this host that have ended, and those of earlier
    versions, which have no owner. What cannot be removed stays.

    Args:
        path: Path of the other file.
        owner: Process of which those are removed as well, see :func:`this_process`.
    """
    start = f'.{path.name}.'
    for file in path.parent.glob(f'{glob.escape(start)}*'):
        end = file.name.removeprefix(start)
        found = _OWNED.fullmatch(end)
        if owner is not None and end.startswith(f'{owner}.'):
            stale = True
        elif found is None:
            stale = _OWNERLESS.fullmatch(end) is not None
        elif found[1] != _host():
            stale = False
        else:
            stale = not _is_alive(int(found[2]))
        if stale:
            with suppress(OSError):
                _remove_file(file)


def _is_alive(pid: int) -> bool:
    if os.name == 'nt':  # where this signal is Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # of another user
        return True
    return True


@contextmanager
def complete_file(path: Path, suffix: str = '') -> Iterator[Path]:
    """Write a file, or a folder, that appears under its name when it is complete.

    Args:
        path: Path of the file.
        suffix: End of its temporary name, where a format needs one.

    Yields:
        Path to write to.

    Raises:
        OSError: If it cannot be written.
    """
    try:
        with scratch_file(path, f'unfinished{suffix}') as temporary:
            yield temporary
            temporary.replace(path)
    except WRITE_ERRORS as error:
        raise write_error(path, error) from None


@contextmanager
def scratch_file(path: Path, stage: str) -> Iterator[Path]:
    """Use a temporary file, or folder, beside another.

    It is removed at the end, with what is beside it under longer names, as GDAL leaves
    it. What killed runs left is removed first.

    Args:
        path: Path of the other file.
        stage: What the temporary one is for.

    Yields:
        Path of the temporary file.
    """
    temporary = temporary_path(path, stage)
    remove_leftovers(path)
    _remove(temporary)
    try:
        yield temporary
    finally:
        _remove(temporary)


def _remove(temporary: Path) -> None:
    for file in temporary.parent.glob(f'{glob.escape(temporary.name)}*'):
        _remove_file(file)


def _remove_file(file: Path) -> None:
    if file.is_dir() and not file.is_symlink():
        shutil.rmtree(file)
    else:
        file.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it.

    Args:
        folder: Path of the folder, which may exist.

    Raises:
        OSError: If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(folder, error) from None


def check_map_name(output: Path) -> None:
    """Check that a file can be named so if it is to be a map.

    Args:
        output: Path of the file.

    Raises:
        ValueError: If it is not called .tif or .tiff, or is a folder.
    """
    if output.suffix.lower() not in ('.tif', '.tiff'):
        msg = f'output={str(output)!r} is to be a GeoTIFF; give it a name that ends in '
        raise ValueError(f'{msg}.tif')
    if output.is_dir():
        raise ValueError(f'output={str(output)!r} is a folder; give a file name')


def write_error(output: Path, error: Exception) -> OSError:
    """Say that a file cannot be written.

    Args:
        output: Path of the file.
        error: Reason, of Python or GDAL.

    Returns:
        An error that names the path and, where it is known, what to do; the same error
        if it says so already, or says that something else cannot be read.
    """
    if isinstance(error, UnreadableError | _WriteError):
        return error
    while error.__cause__ is not None and isinstance(error.__cause__, Exception):
        error = error.__cause__
    reason, number = first_line(error), None
    if isinstance(error, OSError) and error.strerror:
        reason, number = error.strerror, error.errno
    else:
        said = (code for text, code in _TEXTS.items() if text in reason.lower())
        number = next(said, None)
    msg = f'{output} cannot be written ({reason})'
    if number in _REMEDIES:
        msg += f'; {_REMEDIES[number]}'
    return _WriteError(msg)
