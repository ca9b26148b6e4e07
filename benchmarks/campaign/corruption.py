# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Damage to files, at random places."""

import random
from collections.abc import Callable
from typing import NamedTuple

#: So many bytes at either end of a file hold its headers and directories.
_ENDS = 512


class Damage(NamedTuple):
    """What was done to a file."""

    name: str
    position: int
    size: int


def _place(rng: random.Random, length: int, size: int = 1) -> int:
    """Where to begin: half of the time anywhere, else near one of the ends."""
    last = max(length - size, 0)
    where = rng.choice(('any', 'any', 'begin', 'end'))
    if where == 'begin':
        return rng.randint(0, min(last, _ENDS))
    if where == 'end':
        return rng.randint(max(last - _ENDS, 0), last)
    return rng.randint(0, last)


def _size(rng: random.Random, length: int) -> int:
    return min(rng.choice((1, 2, 4, 16, 64, 256, 1024)), max(length // 2, 1))


def _flip(rng: random.Random, data: bytearray) -> tuple[bytearray, int, int]:
    count = rng.choice((1, 1, 2, 8))
    start = len(data)
    for _ in range(count):
        place = _place(rng, len(data))
        data[place] ^= rng.randint(1, 255)
        start = min(start, place)
    return data, start, count


def _zero(rng: random.Random, data: bytearray) -> tuple[bytearray, int, int]:
    size = _size(rng, len(data))
    start = _place(rng, len(data), size)
    data[start : start + size] = bytes(size)
    return data, start, size


def _truncate(rng: random.Random, data: bytearray) -> tuple[bytearray, int, int]:
    start = _place(rng, len(data))
    return data[:start], start, len(data) - start


def _duplicate(rng: random.Random, data: bytearray) -> tuple[bytearray, int, int]:
    size = _size(rng, len(data))
    start = _place(rng, len(data), size)
    return data[: start + size] + data[start:], start, size


def _swap(rng: random.Random, data: bytearray) -> tuple[bytearray, int, int]:
    size = _size(rng, len(data))
    one, two = (_place(rng, len(data), size) for _ in range(2))
    one, two = sorted((one, two))
    size = min(size, two - one) or 1
    first, second = data[one : one + size], data[two : two + size]
    data[one : one + size], data[two : two + size] = second, first
    return data, one, size


def _insert(rng: random.Random, data: bytearray) -> tuple[bytearray, int, int]:
    size = _size(rng, len(data))
    start = _place(rng, len(data))
    return data[:start] + rng.randbytes(size) + data[start:], start, size


def _empty(rng: random.Random, data: bytearray) -> tuple[bytearray, int, int]:
    return bytearray(), 0, len(data)


_KINDS: dict[str, Callable[[random.Random, bytearray], tuple[bytearray, int, int]]] = {
    'flip': _flip,
    'zero': _zero,
    'truncate': _truncate,
    'duplicate': _duplicate,
    'swap': _swap,
    'insert': _insert,
    'empty': _empty,
}

#: How often each is done.
_WEIGHTS = (8, 4, 4, 3, 3, 3, 1)


def corrupt(data: bytes, rng: random.Random) -> tuple[bytes, Damage]:
    """Damage the content of a file.

    Args:
        data: Content, not empty.
        rng: Random numbers.

    Returns:
        Other content, and what was done.
    """
    while True:
        name = rng.choices(list(_KINDS), _WEIGHTS)[0]
        found, position, size = _KINDS[name](rng, bytearray(data))
        if found != data:  # swapping blocks of zeros changes nothing
            return bytes(found), Damage(name, position, size)
