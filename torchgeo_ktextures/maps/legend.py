# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Legends of maps: the file in which users name clusters."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..colors import parse_color
from .output import complete_file
from .yaml_text import read_yaml

_HEADER = """\
# Classes of a map. Fill in the names and apply them with
#
#   torchgeo-ktextures relabel LABELS.tif --classes {name} --output NAMED.tif
#
# name: forest   Clusters that have the same name become one class.
# name: ''       The cluster stays a class of its own, called "class" and its number.
# name: null     The cluster is dropped: its pixels become nodata. So does nothing at all
#                after the colon.
#
# color: '#1f77b4', [31, 119, 180] or a name as forestgreen; relabel applies it. Where
# clusters become one class, the colour of the first counts.
#
# The rest is there to help: the area, the mean of each band and a picture of the
# texture. Numbers of clusters mean the same only in the maps that are
# named first, and in others of the same model: relabel refuses those of other models.
"""

#: The largest code of a map of 16 bits is that of no class.
_LARGEST = 65534


@dataclass(frozen=True)
class ClassEntry:
    """Cluster of a map, and the name that a user gives it."""

    #: Code in the map.
    index: int
    #: Red, green, blue, 0 to 255; None for that of the map.
    color: tuple[int, int, int] | None
    #: Area on the ground, None for a map without georeference.
    area_ha: float | None = None
    pixels: int = 0
    #: Mean by band.
    spectrum: Mapping[str, float] = field(default_factory=dict)
    #: Path of a picture, relative to the file.
    texture: str | None = None
    #: Empty for a cluster that stays unnamed, None for one that is dropped.
    name: str | None = ''

    @property
    def title(self) -> str | None:
        """Name of the class that the cluster becomes."""
        return f'class {self.index}' if self.name == '' else self.name


class Legend(list[ClassEntry]):
    """Clusters in the order of a file, and the maps that it says they are of."""

    def __init__(
        self,
        path: Path,
        entries: Iterable[ClassEntry],
        maps: Sequence[str] = (),
        model: str | None = None,
        counts: Mapping[int, int] | None = None,
        encoding: str = 'utf-8',
    ) -> None:
        """Hold what a file says.

        Args:
            path: Path of the file.
            entries: Clusters.
            maps: Paths of the maps, relative to the folder of the file.
            model: What identifies the model that made the maps.
            counts: Pixels by cluster, of those for which the file tells them.
            encoding: Encoding of the file.
        """
        super().__init__(entries)
        self.path = path
        self.maps = maps
        self.model = model
        self.counts = dict(counts or {})
        self.encoding = encoding

    @property
    def has_names(self) -> bool:
        """Whether someone has named or dropped a cluster."""
        return any(entry.name != '' for entry in self)

    def others(self, maps: Iterable[Path]) -> list[Path]:
        """Maps it is of that are there still and are not among some.

        Args:
            maps: Paths of the some.

        Returns:
            Paths of the others.
        """
        some = {Path(path).resolve() for path in maps}
        paths = [self.path.parent / name for name in self.maps]
        return [p for p in paths if p.exists() and p.resolve() not in some]


def write_classes(
    path: str | os.PathLike[str],
    entries: Sequence[ClassEntry],
    maps: Sequence[str | os.PathLike[str]] = (),
    model: str | None = None,
) -> None:
    """Write a legend for a user to fill in.

    Args:
        path: Path of the YAML file.
        entries: Clusters of the map.
        maps: Maps that they are of.
        model: What identifies the model that made the maps.

    Raises:
        OSError: If the file cannot be written.
    """
    path = Path(path)
    names = [_relative(file, path.parent) for file in maps]
    # The word may be in no name before the key, where scripts cut the text.
    shown = json.dumps(names, ensure_ascii=False).replace('classes:', r'classes\x3a')
    about = [f'maps: {shown}'] if names else []
    about += [f'n_clusters: {len(entries)}']
    about += [] if model is None else [f"model: '{model}'"]
    parts = [_HEADER.format(name=path.name), '\n'.join(about) + '\n', 'classes:\n']
    for entry in entries:
        content = {k: v for k, v in asdict(entry).items() if k not in ('index', 'name')}
        if entry.color is None:
            del content['color']
        else:
            content['color'] = list(entry.color)
        content['spectrum'] = {
            str(band): float(f'{value:.6g}') for band, value in entry.spectrum.items()
        }
        if entry.area_ha is not None:
            content['area_ha'] = round(float(entry.area_ha), 4)
        # What is to be filled in comes first.
        lines = [f'- index: {entry.index}', f'  name: {_scalar(entry.name)}']
        lines += [f'  {key}: {_scalar(value)}' for key, value in content.items()]
        parts.append('\n'.join(lines) + '\n')
    with complete_file(path) as temporary:
        temporary.write_text('\n'.join(parts), encoding='utf-8')


def _scalar(value: Any) -> str:
    text: str = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, sort_keys=False, width=10**6
    )
    return text.removesuffix('\n').removesuffix('\n...')


def _relative(file: str | os.PathLike[str], folder: Path) -> str:
    try:
        return Path(os.path.relpath(file, folder)).as_posix()
    except ValueError:  # on another drive of Windows
        return str(file)


def read_classes(path: str | os.PathLike[str]) -> Legend:
    """Read a legend that a user filled in.

    Args:
        path: Path of the YAML file. Only ``index`` and ``name`` are needed. It may be
            in UTF-8, UTF-16 or the encoding of Windows, and names are what was typed.

    Returns:
        Clusters in the order of the file.

    Raises:
        FileNotFoundError: If there is no such file.
        OSError: If it cannot be read.
        ValueError: If the file is not YAML, an entry is not what it should be, a
            cluster has two entries, two names differ only in case, or all clusters are
            dropped.
    """
    content, encoding = read_yaml(path, 'name')
    listed = content.get('classes') if isinstance(content, dict) else None
    if not isinstance(listed, list) or not listed:
        msg = f'{path} has no list of classes; it begins with "classes:", as the file '
        raise ValueError(msg + 'beside the map does')
    entries = [_entry(path, number, item) for number, item in enumerate(listed)]
    _check(path, entries)
    counts = {
        entry.index: entry.pixels
        for entry, item in zip(entries, listed, strict=True)
        if item.get('pixels') is not None
    }
    maps, model = content.get('maps') or [], content.get('model')
    maps = [maps] if isinstance(maps, str) else maps
    if not isinstance(maps, list) or not all(isinstance(name, str) for name in maps):
        msg = f'{path} has maps {maps!r}, but it is a list of file names; correct the '
        raise ValueError(f'{msg}line, or remove it')
    model = None if model is None else str(model)
    return Legend(Path(path), entries, maps, model, counts, encoding)


def _entry(path: str | os.PathLike[str], number: int, item: Any) -> ClassEntry:
    where = f'{path}: entry {number + 1} of classes'
    if not isinstance(item, dict) or 'index' not in item or 'name' not in item:
        msg = f'{where} is {item!r}, but each entry needs an index and a name'
        raise ValueError(msg)
    known = ClassEntry.__dataclass_fields__
    unknown = [key for key in item if key not in known]
    if unknown:
        msg = f'{where} has {unknown[0]!r}, which is not one of {", ".join(known)}'
        raise ValueError(msg)
    index, name = item['index'], item['name']
    if type(index) is not int or not 0 <= index <= _LARGEST:
        msg = f'{where} has index {index!r}, but an index is a whole number from 0 to '
        raise ValueError(f'{msg}{_LARGEST}')
    if name is not None and not isinstance(name, str):
        msg = f'{where} (index {index}) has name {name!r}, which is not text for YAML; '
        raise ValueError(f'{msg}put it in quotes')
    if name is not None:
        name = ' '.join(name.split())
    pixels = item.get('pixels')
    if pixels is not None and (type(pixels) is not int or pixels < 0):
        msg = f'{where} (index {index}) has pixels {pixels!r}, but it is a whole '
        raise ValueError(f'{msg}number; correct the line, or remove it')
    color = None
    if 'color' in item:
        if item['color'] is None:
            msg = f'{where} (index {index}) has an empty color; put digits in quotes, '
            raise ValueError(msg + "as in color: '#1f77b4', or remove the line")
        try:
            color = parse_color(item['color'])
        except ValueError as error:
            raise ValueError(f'{where} (index {index}) has {error}') from None
    return ClassEntry(
        index,
        color,
        item.get('area_ha'),
        pixels or 0,
        item.get('spectrum') or {},
        item.get('texture'),
        name,
    )


def _check(path: str | os.PathLike[str], entries: Sequence[ClassEntry]) -> None:
    seen: set[int] = set()
    spelled: dict[str, ClassEntry] = {}
    for entry in entries:
        if entry.index in seen:
            msg = f'{path} has two entries of cluster {entry.index}; remove one'
            raise ValueError(msg)
        seen.add(entry.index)
        if entry.title is None:
            continue
        first = spelled.setdefault(entry.title.casefold(), entry)
        if first.title != entry.title:
            msg = f'{path}: the names {first.title!r} (cluster {first.index}) and '
            msg += f'{entry.title!r} (cluster {entry.index}) differ only in case; '
            raise ValueError(msg + 'spell them alike to merge them')
        if first.name != entry.name:
            msg = f'{path}: {entry.title!r} is the name of an unnamed cluster and is '
            raise ValueError(msg + 'given to another one as well; choose another name')
    if not spelled:
        msg = f'{path} drops all {len(entries)} clusters (name: null); keep at least '
        raise ValueError(msg + 'one')
