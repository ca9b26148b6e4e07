# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Reading YAML as people edit it: in any encoding, with names as they are typed."""

import codecs
import os
import re
from pathlib import Path
from typing import Any

import yaml

from ..errors import UnreadableError

_NULL = 'tag:yaml.org,2002:null'
_TEXT = 'tag:yaml.org,2002:str'
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_yaml(path: str | os.PathLike[str], typed: str) -> tuple[Any, str]:
    """Read a YAML file in which scalars under one key are text as it was typed.

    To YAML, ``no`` is false, ``1`` a number and ``2021-06-01`` a date; as names they
    are text. ``null``, ``~`` and nothing at all stay null.

    Args:
        path: Path of the file.
        typed: The key.

    Returns:
        Content of the file, and its encoding.

    Raises:
        FileNotFoundError: If there is no such file.
        UnreadableError: If it cannot be read.
        ValueError: If it is not YAML, or a key is there twice.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        msg = f'classes file {str(path)!r} does not exist; check the path'
        raise FileNotFoundError(msg) from None
    except OSError as error:
        msg = f'classes file {str(path)!r} cannot be read ({error.strerror}); check '
        raise UnreadableError(f'{msg}the path') from None
    text, encoding = _decode(path, data)
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None, encoding
        _prepare(path, node, typed)
        return loader.construct_document(node), encoding
    except yaml.MarkedYAMLError as error:
        raise ValueError(_explain(path, error, text, typed)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, _DuplicateError):
            raise
        reason = ' '.join(str(error).split())
        msg = f'{path} is not readable YAML ({reason}); correct it there, or put names '
        raise ValueError(f"{msg}in quotes: {typed}: 'forest'") from None


class _DuplicateError(ValueError):
    """A key is there twice."""


def _decode(path: str | os.PathLike[str], data: bytes) -> tuple[str, str]:
    """Text and its encoding; that of Windows where it is not Unicode."""
    encoding = 'utf-16' if data.startswith(_UTF16) else 'utf-8-sig'
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding == 'utf-16':
            msg = f'{path} begins as UTF-16 but is damaged ({error.reason}); save it '
            raise ValueError(f'{msg}as UTF-8') from None
        encoding = 'cp1252'
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as bad:
            msg = f'{path} is neither UTF-8, UTF-16 nor cp1252 (byte 0x'
            msg += f'{data[bad.start]:02x} in line {data[: bad.start].count(10) + 1})'
            raise ValueError(f'{msg}; save it as UTF-8') from None
    if '\0' in text:
        msg = f'{path} is no text in UTF-8 (it has zero bytes, as UTF-16 without a '
        raise ValueError(f'{msg}byte order mark does); save it as UTF-8')
    return text, encoding


def _prepare(path: str | os.PathLike[str], root: yaml.Node, typed: str) -> None:
    """Make scalars under a key text, and refuse keys that are there twice."""
    todo, seen = [root], set()
    while todo:
        node = todo.pop()
        if id(node) in seen:  # by an alias
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            todo += node.value
        if not isinstance(node, yaml.MappingNode):
            continue
        keys: set[str] = set()
        for key, value in node.value:
            todo += [key, value]
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in keys:
                msg = f'{path}, line {key.start_mark.line + 1}: {key.value!r} is there '
                raise _DuplicateError(f'{msg}twice in the same entry; remove one')
            keys.add(key.value)
            scalar = isinstance(value, yaml.ScalarNode)
            if key.value == typed and scalar and value.tag != _NULL:
                value.tag = _TEXT


def _explain(
    path: str | os.PathLike[str], error: yaml.MarkedYAMLError, text: str, typed: str
) -> str:
    """Say which line is wrong, and how it would be right."""
    mark = error.problem_mark or error.context_mark
    if 'quoted scalar' in (error.context or ''):  # which begins there, and never ends
        mark = error.context_mark
    if mark is None:
        return f'{path} is not readable YAML ({error.problem}); correct it there'
    lines = re.split(r'\r\n|[\r\n\x85\u2028\u2029]', text)
    whole = lines[mark.line] if mark.line < len(lines) else ''
    line = whole.strip()
    msg = f'{path}, line {mark.line + 1} is not readable YAML: {line}'
    if whole.startswith('\t'):
        return f'{msg}; it begins with a tab, use blanks'
    found = re.match(rf'(?:- )?\s*{typed}:\s+(.+)', line)
    if found is None or error.problem is None:
        return f'{msg} ({error.problem}); correct it there'
    name = found[1].strip('\'"').replace("'", "''")
    return f"{msg}; put the name in quotes: {typed}: '{name}'"
