# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Files that appear under their names when they are complete."""

import glob
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rasterio.errors import RasterioError

from ..errors import first_line

#: What writing may fail by; that of vectors by a RuntimeError.
WRITE_ERRORS = (OSError, RasterioError, RuntimeError)


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
    it. What a killed run left is removed first: names are the same each time.

    Args:
        path: Path of the other file.
        stage: What the temporary one is for.

    Yields:
        Path of the temporary file.
    """
    temporary = path.with_name(f'.{path.name}.{stage}')
    _remove(temporary)
    try:
        yield temporary
    finally:
        _remove(temporary)


def _remove(temporary: Path) -> None:
    for file in temporary.parent.glob(f'{glob.escape(temporary.name)}*'):
        if file.is_dir():
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


def write_error(output: Path, error: Exception) -> OSError:
    """Say that a file cannot be written.

    Args:
        output: Path of the file.
        error: Reason, of Python or GDAL.

    Returns:
        An error that names the path.
    """
    while error.__cause__ is not None and isinstance(error.__cause__, Exception):
        error = error.__cause__
    reason = first_line(error)
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror
    msg = f'{output} cannot be written ({reason}); free disk space, or choose a folder '
    msg += 'that you can write to'
    return OSError(msg)
