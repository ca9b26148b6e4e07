# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What the change command does."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from ..change.inputs import find_confidences
from ..change.map_changes import ChangeMaps, change_maps
from ..change.text import change_lines
from ..maps.output import complete_file, make_folder, scratch_file
from ..maps.reading import MODEL_TAG, open_raster

#: Ends of the names of maps in folders.
_SUFFIXES = ('.tif', '.tiff')


@dataclass(frozen=True)
class ChangeOptions:
    """What is asked for, see :func:`torchgeo_ktextures.commands.change.change`."""

    maps: Sequence[str]
    output: str
    table: str | None
    report: str | None
    images: Sequence[str]
    confidence: Sequence[str] | None
    min_confidence: float
    tolerance: int
    min_area: str | None
    date_of: Literal['first', 'last']
    align: bool


def find_changes(options: ChangeOptions) -> None:
    """Compare maps, print what has changed and write what is asked for.

    Args:
        options: What is asked for.

    Raises:
        OSError: If a file cannot be read or written.
        ValueError: If maps do not belong together, or an option does not fit.
    """
    output = _path(options.output)
    maps = _list_maps(options.maps)
    images = [Path(image) for image in options.images]
    report = None if options.report is None else _path(options.report)
    doubts: Sequence[Path | None] | None = None
    if options.confidence is not None:
        doubts = [_path(path) for path in options.confidence]
    with ExitStack() as stack:
        if options.align:
            doubts = find_confidences(maps) if doubts is None else doubts
            maps = _align(stack, maps, output)
        found = change_maps(
            maps,
            output,
            confidence=doubts,
            images=images,
            min_confidence=options.min_confidence,
            tolerance=options.tolerance,
            min_area=options.min_area,
            date_of=options.date_of,
        )
        files = found.paths()
        if options.table is not None:
            files += _write_tables(found, _path(options.table))
        if report is not None:
            from .change_report import write_change_report

            make_folder(report.parent)
            write_change_report(report, maps, found, images[:1] + images[-1:])
            files.append(report)
    for line in change_lines(found):
        print(line)
    print('\nWritten:', *files, sep='\n  ')


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _list_maps(given: Sequence[str]) -> list[Path]:
    """Name maps; of folders, those that have classes."""
    maps = []
    for item in given:
        path = _path(item)
        if not path.is_dir():
            maps.append(path)
            continue
        found = sorted(f for f in path.iterdir() if f.suffix.lower() in _SUFFIXES)
        maps += [f for f in found if f.name[0] != '.' and _has_classes(f)]
    return maps


def _has_classes(path: Path) -> bool:
    with open_raster(path) as src:
        return bool(src.count == 1 and src.descriptions[0] == 'class')


def _align(stack: ExitStack, maps: Sequence[Path], output: Path) -> list[Path]:
    """Bring maps of other models to the legend of the first one."""
    from ..change.align import align_map

    models = []
    for path in maps:
        with open_raster(path) as src:
            models.append(src.tags().get(MODEL_TAG))
    aligned = []
    folder = None
    for path, model in zip(maps, models, strict=True):
        if model == models[0]:
            aligned.append(path)
            continue
        if folder is None:
            make_folder(output.parent)
            folder = stack.enter_context(scratch_file(output, 'aligned'))
            folder.mkdir()
        aligned.append(folder / path.name)
        align_map(maps[0], path, aligned[-1])
    return aligned


def _write_tables(found: ChangeMaps, path: Path) -> list[Path]:
    """Write transitions, and gains and losses."""
    make_folder(path.parent)
    classes = path.with_name(f'{path.stem}_classes{path.suffix}')
    tables: dict[Path, pd.DataFrame] = {
        path: found.transitions.table(),
        classes: found.transitions.classes(),
    }
    for file, table in tables.items():
        with complete_file(file) as temporary:
            table.to_csv(temporary, index=False, float_format='%.6g')
    return list(tables)
