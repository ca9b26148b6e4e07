# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Colours of classes that look like what the classes are."""

import functools
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from .families import FAMILIES, families_of
from .numbered import class_colors
from .vision import (
    VISIONS,
    color_difference,
    lab_colors,
    rgb_colors,
)

type _Floats = npt.NDArray[np.float64]
type _Color = tuple[int, int, int, int]

#: Difference of colours that is enough; more would only take them away from nature.
_ENOUGH = 15.0

#: Differences that are tried, from the largest.
_STEPS = np.arange(_ENOUGH, 0, -0.5)

#: Number of orders in which classes choose their colours.
_ORDERS = 48


def spectral_colors(means: npt.ArrayLike) -> dict[int, _Color]:
    """Choose colours of classes by their spectra: water blue, vegetation green.

    A class belongs to a family of colours, see :func:`families_of`, and in it to the
    colour that is most like it. Then colours are pushed apart within their families
    until the smallest difference is as large as it can be found, at most 15: CIEDE2000,
    the least of normal vision, deuteranopia and protanopia. In water the darkest class
    has the darkest blue, in vegetation the densest one the darkest green, and of what is
    bare the darkest class the darkest colour.

    Smallest difference in normal vision, deuteranopia and protanopia, of k-means on
    the shipped scene, of the worst of 30 sets of random spectra, and of
    :func:`~torchgeo_ktextures.colors.class_colors`, which go by number:

    == ================ ================ ===============
    k  shipped scene    random spectra   by number
    == ================ ================ ===============
    8  15.4, 15.1, 15.4 15.1, 15.0, 15.0 16.2, 3.3, 1.3
    16 12.0, 11.6, 11.9 10.0, 9.8, 9.8   10.1, 3.3, 1.1
    32 -                6.1, 6.1, 6.0    1.2, 0.7, 1.1
    == ================ ================ ===============

    Args:
        means: Mean of each band of each class, of shape ``(k, C)``, in any unit that is
            proportional to what is reflected: red, green, blue, near infrared if there
            are more than three, and any others, which do not count.

    Returns:
        Red, green, blue and alpha in 0..255 by class, the same for the same means.
        Classes whose means are not finite get a colour that nothing else has.
    """
    found = families_of(means)
    rgb, family = _candidates()
    targets = np.array([target for _, target in found]).reshape(-1, 1, 3)
    away = np.sqrt(((targets - lab_colors(rgb)) ** 2).sum(-1))
    for i, (name, _) in enumerate(found):
        if name != 'any':
            away[i, family != name] = np.inf
    colors = {}
    for i, number in enumerate(_choose(away)):
        colors[i] = class_colors(i + 1)[i] if number < 0 else _rgba(rgb[number])
    _sort(colors, found)
    return colors


def further_color(
    known: Sequence[Sequence[int]], like: Sequence[int] | None = None
) -> tuple[int, int, int]:
    """Choose a colour that is unlike some others.

    Args:
        known: Red, green and blue of the others.
        like: Red, green and blue of what it is to be like as far as that goes.

    Returns:
        Red, green and blue in 0..255.
    """
    rgb, _ = _candidates()
    near = _differences(known)
    if like is None:
        number = near.argmax()
    else:
        away = ((lab_colors(rgb) - lab_colors(like[:3])) ** 2).sum(1)
        away[near < min(_ENOUGH, float(near.max()))] = np.inf
        number = away.argmin()
    red, green, blue, _ = _rgba(rgb[number])
    return red, green, blue


def lent_colors(
    clusters: Mapping[int, Sequence[int]], votes: npt.NDArray[np.int64]
) -> dict[int, _Color]:
    """Give classes the colours of the clusters that most of their points lie in.

    Of classes with the same cluster the one with most points gets its colour, and the
    others something like it.

    Args:
        clusters: Red, green and blue of the clusters.
        votes: Number of points by class and cluster, of shape ``(K, k)``.

    Returns:
        Red, green, blue and alpha in 0..255 by class.
    """
    first = votes.argmax(1)
    colors: dict[int, _Color] = {}
    lent: set[int] = set()
    for i in np.argsort(-votes.max(1), kind='stable').tolist():
        wanted = clusters[int(first[i])]
        if int(first[i]) not in lent:
            colors[i] = _rgba(wanted)
            lent.add(int(first[i]))
        else:
            colors[i] = (*further_color([*colors.values()], wanted), 255)
    return dict(sorted(colors.items()))


def _rgba(color: Sequence[int] | npt.NDArray[np.int64]) -> _Color:
    red, green, blue = (int(value) for value in color[:3])
    return red, green, blue, 255


@functools.cache
def _candidates() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.str_]]:
    """Colours to choose from, and their families."""
    rgb: dict[tuple[int, ...], str] = {}
    for name, ranges in FAMILIES.items():
        grid = np.meshgrid(*(np.arange(*values) for values in ranges), indexing='ij')
        lightness, chroma, hue = (values.ravel() for values in grid)
        a, b = chroma * np.cos(np.radians(hue)), chroma * np.sin(np.radians(hue))
        found = rgb_colors(np.stack([lightness, a, b], -1))
        shown = (abs(found - 127.5) < 128).all(1)
        for color in np.rint(found[shown]).astype(int).tolist():
            rgb.setdefault(tuple(color), name)
    return np.array(list(rgb), np.int64), np.array(list(rgb.values()))


@functools.cache
def _differences_from(number: int) -> _Floats:
    """Differences of all candidates from one of them, the least of all visions."""
    return _differences(_candidates()[0][[number]].tolist())


def _differences(known: Sequence[Sequence[int]]) -> _Floats:
    """Difference of each candidate from the nearest of some colours."""
    rgb = _candidates()[0]
    if not known:
        return np.full(len(rgb), np.inf)
    others = np.array([color[:3] for color in known])
    parts = [
        color_difference(lab_colors(rgb, v)[:, None], lab_colors(others, v)[None])
        for v in VISIONS
    ]
    least: _Floats = np.min(np.stack(parts), axis=(0, 2))
    return least


def _choose(away: _Floats) -> list[int]:
    """Choose a candidate for each class, as far apart as can be, -1 where none is left.

    Args:
        away: Distance of each candidate from each class, of shape ``(k, N)``, infinite
            where it is of another family.

    Returns:
        Numbers of candidates.
    """
    # Classes with few colours to choose from come first.
    rng = np.random.default_rng(0)
    members = np.isfinite(away)
    crowd = (members.astype(float) @ members.T.astype(float) > 0).sum(1)
    room = members.sum(1) / np.maximum(crowd, 1)
    orders = [np.lexsort((rng.random(len(away)), room)) for _ in range(_ORDERS // 2)]
    orders += [rng.permutation(len(away)) for _ in range(_ORDERS // 2)]
    for step in _STEPS:
        best, lowest = None, np.inf
        for order in orders:
            chosen = _greedy(away, order, step)
            if chosen is None:
                continue
            total = away[np.arange(len(away)), chosen].sum()
            if total < lowest:
                best, lowest = chosen, total
        if best is not None:
            return [int(number) for number in best]
    return _all_different(away)


def _greedy(
    away: _Floats, order: npt.NDArray[np.int64], step: float
) -> npt.NDArray[np.int64] | None:
    """Let each class in turn take what is most like it and far enough from others."""
    chosen = np.full(len(away), -1)
    free = np.ones(away.shape[1], bool)
    for i in order:
        costs = np.where(free, away[i], np.inf)
        number = int(costs.argmin())
        if not np.isfinite(costs[number]):
            return None
        chosen[i] = number
        free = free & (_differences_from(number) >= step)
    return chosen


def _all_different(away: _Floats) -> list[int]:
    """Let each class take what is most like it and not taken, of any family at last."""
    chosen: list[int] = []
    free = np.ones(away.shape[1], bool)
    for costs in away:
        own = free & np.isfinite(costs)
        own = own if own.any() else free
        if not own.any():
            chosen.append(-1)
            continue
        number = int(np.where(own, np.minimum(costs, 1e6), np.inf).argmin())
        free[number] = False
        chosen.append(number)
    return chosen


def _sort(
    colors: dict[int, _Color], found: Sequence[tuple[str, tuple[float, float, float]]]
) -> None:
    """Give the darkest blue to the deepest water, and other colours likewise."""
    for name in ('water', 'vegetation', 'bare'):
        own = [i for i in colors if found[i][0] == name]
        shades = sorted(
            (colors[i] for i in own), key=lambda c: float(lab_colors(c[:3])[0])
        )
        ranked = sorted(own, key=lambda i: found[i][1][0])
        colors.update(zip(ranked, shades, strict=True))
