# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Colours of classes, the same in maps and figures."""

import colorsys

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
    """Choose a colour for each class.

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
