# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""How a number of classes is asked for: a number, a range, or the best one."""

import re

import numpy as np

#: Range of 'auto'.
_AUTO = (2, 12)


def parse_n_clusters(value: object) -> int | range:
    """Read a number of classes, or a range to choose from.

    Args:
        value: A whole number, 'auto', or a range such as '4:16', both ends included.

    Returns:
        The number, or the numbers to choose from.

    Raises:
        ValueError: If it is neither.

    Example:
        >>> parse_n_clusters('4:16')
        range(4, 17)
    """
    text = str(value).strip()
    if not isinstance(value, bool) and isinstance(value, int | np.integer):
        number = int(value)
    elif isinstance(value, str) and text.isdecimal():
        number = int(text)
    else:
        found = re.fullmatch(r'(\d+)\s*:\s*(\d+)', text)
        first, last = _AUTO
        if isinstance(value, str) and found:
            first, last = int(found[1]), int(found[2])
        if not isinstance(value, str) or not (found or text == 'auto'):
            msg = f'n_clusters={value!r} must be a whole number, a range such as '
            raise ValueError(f"{msg}'4:16', or 'auto'")
        if not 2 <= first <= last:
            msg = f'n_clusters={value!r} must be a range from at least 2 upwards, such '
            raise ValueError(f"{msg}as '4:16'")
        return range(first, last + 1)
    if number < 2:
        raise ValueError(f'n_clusters={value!r} must be a whole number, at least 2')
    return number
