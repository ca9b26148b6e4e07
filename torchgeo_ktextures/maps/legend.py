# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Legends of maps: the file in which users name clusters."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..colors import class_colors
from .output import complete_file

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
# The rest is there to help: the colour in the map, the area, the mean of each band and
# a picture of the texture.
"""


@dataclass(frozen=True)
class ClassEntry:
    """Cluster of a map, and the name that a user gives it."""

    #: Code in the map.
    index: int
    #: Red, green, blue, 0 to 255.
    color: tuple[int, int, int]
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


def write_classes(path: str | os.PathLike[str], entries: Sequence[ClassEntry]) -> None:
    """Write a legend for a user to fill in.

    Args:
        path: Path of the YAML file.
        entries: Clusters of the map.

    Raises:
        OSError: If the file cannot be written.
    """
    path = Path(path)
    parts = [_HEADER.format(name=path.name), 'classes:\n']
    for entry in entries:
        content = {k: v for k, v in asdict(entry).items() if k not in ('index', 'name')}
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


def read_classes(path: str | os.PathLike[str]) -> list[ClassEntry]:
    """Read a legend that a user filled in.

    Args:
        path: Path of the YAML file. Only ``index`` and ``name`` are needed.

    Returns:
        Clusters in the order of the file.

    Raises:
        ValueError: If the file cannot be read, an entry is not what it should be, a
            cluster has two entries, two names differ only in case, or all clusters are
            dropped.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding='utf-8'))
    except OSError as error:
        msg = f'classes file {str(path)!r} cannot be read ({error.strerror}); '
        raise ValueError(msg + 'check the path') from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        reason = ' '.join(str(error).split())
        msg = f'{path} is not readable YAML ({reason}); correct it there, or put names '
        raise ValueError(msg + "in quotes: name: 'forest'") from None
    listed = content.get('classes') if isinstance(content, dict) else None
    if not isinstance(listed, list) or not listed:
        msg = f'{path} has no list of classes; it begins with "classes:", as the file '
        raise ValueError(msg + 'beside the map does')
    entries = [_entry(path, number, item) for number, item in enumerate(listed)]
    _check(path, entries)
    return entries


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
    if type(index) is not int or index < 0:
        msg = f'{where} has index {index!r}, but an index is a whole number from 0'
        raise ValueError(msg)
    text = name is None or isinstance(name, str)
    if not text:
        msg = f'{where} (index {index}) has name {name!r}, which is not text for YAML; '
        raise ValueError(msg + f"put it in quotes: name: '{name}'")
    if name is not None:
        name = ' '.join(name.split())
    color = item.get('color') or class_colors(index + 1)[index][:3]
    numbers = isinstance(color, list | tuple) and len(color) == 3
    if not numbers or not all(type(c) is int and 0 <= c <= 255 for c in color):
        msg = f'{where} (index {index}) has color {color!r}, but a colour is three '
        raise ValueError(msg + 'whole numbers from 0 to 255: color: [31, 119, 180]')
    return ClassEntry(
        index,
        (color[0], color[1], color[2]),
        item.get('area_ha'),
        item.get('pixels') or 0,
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
