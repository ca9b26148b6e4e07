# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""How different colours look, also to people who are colour-blind."""

import numpy as np
import numpy.typing as npt

type _Floats = npt.NDArray[np.float64]

#: Red, green and blue, linear, as people without the cones for green (deuteranopia) and
#: for red (protanopia) see them: Machado et al. 2009, severity 1.
#: https://doi.org/10.1109/TVCG.2009.113
VISIONS: dict[str, _Floats] = {
    'normal': np.eye(3),
    'deuteranopia': np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    'protanopia': np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
}

#: From linear sRGB to CIE XYZ, IEC 61966-2-1.
_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def lab_colors(rgb: npt.ArrayLike, vision: str = 'normal') -> _Floats:
    """Convert sRGB to CIELAB, as someone sees it.

    Args:
        rgb: Red, green and blue in 0..255, of shape ``(..., 3)``.
        vision: One of :data:`VISIONS`.

    Returns:
        L, a and b for the white of D65, of the same shape.
    """
    values = np.asarray(rgb, np.float64) / 255
    dark = values <= 0.04045
    linear = np.where(dark, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    seen = (linear @ VISIONS[vision].T).clip(0, 1)
    t = seen @ _XYZ.T / _XYZ.sum(1)
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def rgb_colors(lab: npt.ArrayLike) -> _Floats:
    """Convert CIELAB to sRGB.

    Args:
        lab: L, a and b for the white of D65, of shape ``(..., 3)``.

    Returns:
        Red, green and blue of the same shape, outside of 0..255 for what no screen
        shows.
    """
    lightness, a, b = np.moveaxis(np.asarray(lab, np.float64), -1, 0)
    y = (lightness + 16) / 116
    f = np.stack([y + a / 500, y, y - b / 200], -1)
    t = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    linear = (t * _XYZ.sum(1)) @ np.linalg.inv(_XYZ).T
    low = np.minimum(linear, 1) * 12.92
    high = 1.055 * np.maximum(linear, 1e-12) ** (1 / 2.4) - 0.055
    rgb: _Floats = np.where(linear <= 0.0031308, low, high) * 255
    return rgb


def color_difference(first: npt.ArrayLike, second: npt.ArrayLike) -> _Floats:
    """CIEDE2000 of colours; 1 is about what one can just see side by side.

    Formulas and test data: Sharma et al. 2005, https://doi.org/10.1002/col.20070.

    Args:
        first: L, a and b, of shape ``(..., 3)``.
        second: Likewise, of a shape that goes with it.

    Returns:
        Differences of the shape of both without the last dimension.
    """
    (l1, a1, b1), (l2, a2, b2) = (
        np.moveaxis(np.asarray(lab, np.float64), -1, 0) for lab in (first, second)
    )
    mean_chroma = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    grey = 1.5 - 0.5 * np.sqrt(mean_chroma**7 / (mean_chroma**7 + 25.0**7))
    a1, a2 = a1 * grey, a2 * grey
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    both = c1 * c2 > 0
    turn = np.where(both, (h2 - h1 + 180) % 360 - 180, 0)
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    hue = np.where(both, h1 + turn / 2, h1 + h2)
    t = (
        1
        - 0.17 * np.cos(np.radians(hue - 30))
        + 0.24 * np.cos(np.radians(2 * hue))
        + 0.32 * np.cos(np.radians(3 * hue + 6))
        - 0.20 * np.cos(np.radians(4 * hue - 63))
    )
    light = (lightness - 50) ** 2
    s_l = 1 + 0.015 * light / np.sqrt(20 + light)
    s_c, s_h = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t
    blue = 60 * np.exp(-((((hue - 275 + 180) % 360 - 180) / 25) ** 2))
    r_t = -2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7)) * np.sin(np.radians(blue))
    d_l, d_c = (l2 - l1) / s_l, (c2 - c1) / s_c
    d_h = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2)) / s_h
    total = d_l**2 + d_c**2 + d_h**2 + r_t * d_c * d_h
    difference: _Floats = np.sqrt(total.clip(0))
    return difference


def difference_matrix(rgb: npt.ArrayLike, vision: str) -> _Floats:
    """CIEDE2000 of all pairs of colours, as someone sees them.

    Args:
        rgb: Red, green and blue in 0..255, of shape ``(N, 3)``.
        vision: One of :data:`VISIONS`.

    Returns:
        Differences of shape ``(N, N)``.
    """
    lab = lab_colors(rgb, vision)
    first, second = np.triu_indices(len(lab), 1)
    matrix = np.zeros((len(lab), len(lab)))
    matrix[first, second] = color_difference(lab[first], lab[second])
    return matrix + matrix.T


def smallest_difference(rgb: npt.ArrayLike, vision: str = 'normal') -> float:
    """How well colours can be told apart.

    Args:
        rgb: Red, green and blue in 0..255, of shape ``(N, 3)``, at least two.
        vision: One of :data:`VISIONS`.

    Returns:
        CIEDE2000 of the two that are most alike.

    Example:
        >>> round(smallest_difference([(31, 119, 180), (255, 127, 14)]))
        52
    """
    matrix = difference_matrix(rgb, vision)
    return float(matrix[np.triu_indices(len(matrix), 1)].min())
