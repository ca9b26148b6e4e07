# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Colours of classes by number, and colours that users name."""

import colorsys
import re

#: Matplotlib's tab10 and Paul Tol's muted scheme, each without greys.
#: https://personal.sron.nl/~pault/
_FIRST = (
    (31, 119, 180),
    (255, 127, 14),
    (44, 160, 44),
    (214, 39, 40),
    (148, 103, 189),
    (140, 86, 75),
    (227, 119, 194),
    (188, 189, 34),
    (23, 190, 207),
    (221, 204, 119),
    (17, 119, 51),
    (51, 34, 136),
    (136, 204, 238),
    (136, 34, 85),
    (153, 153, 51),
)


def class_colors(num_classes: int) -> dict[int, tuple[int, int, int, int]]:
    """Choose a colour for each class of which nothing is known but its number.

    Args:
        num_classes: Number of classes.

    Returns:
        Red, green, blue and alpha in 0..255 by class.
    """
    colors = {}
    for i in range(num_classes):
        if i < len(_FIRST):
            rgb = _FIRST[i]
        else:  # steps of the golden angle never repeat a hue
            hue = i * 0.61803398875 % 1
            value = (0.95, 0.75, 0.55)[i % 3]
            r, g, b = colorsys.hsv_to_rgb(hue, 0.75, value)
            rgb = (round(255 * r), round(255 * g), round(255 * b))
        colors[i] = (*rgb, 255)
    return colors


def parse_color(value: object) -> tuple[int, int, int]:
    """Read a colour as users write it.

    Args:
        value: Three whole numbers from 0 to 255, hexadecimal digits as in ``'#1f77b4'``
            or ``'#17b'``, or a name of CSS or Matplotlib, as ``'forestgreen'``.

    Returns:
        Red, green and blue, 0 to 255.

    Raises:
        ValueError: If it is none of these.

    Example:
        >>> parse_color('#17b')
        (17, 119, 187)
    """
    if isinstance(value, list | tuple) and len(value) == 3:
        if all(type(c) is int and 0 <= c <= 255 for c in value):
            return value[0], value[1], value[2]
    elif isinstance(value, str):
        text = value.strip().lower()
        # Others, such as "0.5" or "none", are colours to Matplotlib alone.
        if re.fullmatch(r'#[0-9a-f]{3}|#[0-9a-f]{6}|(\w+:)?[a-z][a-z /\']*', text):
            from matplotlib.colors import is_color_like, to_rgb

            if text != 'none' and is_color_like(text):
                red, green, blue = (round(255 * v) for v in to_rgb(text))
                return red, green, blue
    msg = f'color {value!r}, but a colour is three whole numbers from 0 to 255, as '
    msg += "[31, 119, 180], six digits in quotes, as '#1f77b4', or a name, as "
    raise ValueError(f'{msg}forestgreen')
