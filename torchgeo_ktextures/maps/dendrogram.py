# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The tree of classes as a drawing in a page."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .class_tree import cut_tree

#: Height of a leaf, and of the bars above the tree, in pixels of the page.
LEAF_HEIGHT, _BAR_HEIGHT = 38, 56

#: Most numbers of classes that are written above the tree.
_TICKS = 9


class Merge(NamedTuple):
    """One class becomes a part of another."""

    #: The class whose number stays.
    into: int
    #: The class that becomes a part of it.
    part: int


def find_merges(linkage: npt.ArrayLike) -> list[Merge]:
    """Tell which classes become one, in the order of the tree.

    Args:
        linkage: Linkage matrix of SciPy, of shape (K - 1, 4), see
            :func:`~torchgeo_ktextures.maps.class_tree.cut_tree`.

    Returns:
        K - 1 merges: after the first there are K - 1 classes, after the last one.

    Example:
        >>> find_merges([[2, 0, 0.1, 2], [3, 1, 0.5, 3]])
        [Merge(into=2, part=0), Merge(into=2, part=1)]
    """
    merges = []
    total = len(np.asarray(linkage)) + 1
    before = np.arange(total)
    for k in range(total - 1, 0, -1):
        after = cut_tree(linkage, k)
        part = next(i for i in set(before.tolist()) if after[i] != i)
        merges.append(Merge(int(after[part]), part))
        before = after
    return merges


def leaf_order(merges: Sequence[Merge]) -> list[int]:
    """Order classes such that those that become one are side by side.

    The class whose number stays comes first, however many classes there are.

    Args:
        merges: What :func:`find_merges` gives.

    Returns:
        Numbers of the classes.

    Example:
        >>> leaf_order([Merge(2, 0), Merge(2, 1)])
        [2, 0, 1]
    """
    groups: dict[int, list[int]] = {}
    for into, part in merges:
        groups[into] = groups.get(into, [into]) + groups.pop(part, [part])
    return next(iter(groups.values()), [])


def draw_tree(
    linkage: npt.ArrayLike, merges: Sequence[Merge], colors: Sequence[str]
) -> tuple[str, str]:
    """Draw the tree from the classes at the left to a single one at the right.

    Across, each merge is a step, so that the place of the cut is the number of classes.
    What merges cost are bars above.

    Args:
        linkage: Linkage matrix of SciPy, of shape (K - 1, 4).
        merges: What :func:`find_merges` gives.
        colors: Colour of each class, as CSS has it.

    Returns:
        Two SVG elements as wide as what they are in: bars with the numbers of classes,
        and the tree, whose leaves are LEAF_HEIGHT pixels high.
    """
    total = len(merges) + 1
    costs = np.asarray(linkage, float).reshape(-1, 4)[:, 2]
    return _bars(costs, total), _branches(merges, total, colors)


def _bars(costs: npt.NDArray[np.float64], total: int) -> str:
    """Costs of the merges, and the numbers of classes between them."""
    shares = costs / max(costs.max(), 1e-300)
    parts = []
    for j, share in enumerate(shares.tolist()):
        height = max(share * _BAR_HEIGHT, 1)
        parts.append(
            f'<rect x="{100 * (j + 0.75) / total:.3f}%" width="{50 / total:.3f}%" '
            f'y="{_BAR_HEIGHT - height:.1f}" height="{height:.1f}" data-step="{j}">'
            f'<title>from {total - j} to {total - j - 1} classes: {share:.1%} of the '
            'highest cost</title></rect>'
        )
    step = -(-total // _TICKS)
    for k in range(1, total + 1):
        if (k - 1) % step == 0 or k == total:
            parts.append(
                f'<text x="{_place(k, total):.3f}%" y="{_BAR_HEIGHT + 15}">{k}</text>'
            )
    parts.append(f'<line class="cut" y1="0" y2="100%" {_across(total, total)}/>')
    return (
        f'<svg class="tree bars" width="100%" height="{_BAR_HEIGHT + 20}" role="img" '
        f'aria-label="cost of each merge">{"".join(parts)}</svg>'
    )


def _branches(merges: Sequence[Merge], total: int, colors: Sequence[str]) -> str:
    """Lines of the tree, each with the class and the step at which it begins."""
    order = leaf_order(merges)
    heights = {i: (row + 0.5) * LEAF_HEIGHT for row, i in enumerate(order)}
    begins = dict.fromkeys(order, 0)

    def line(i: int, step: int, x1: float, y1: float, x2: float, y2: float) -> str:
        color = f' style="stroke:{colors[i]}"' if step == 0 else ''
        return (
            f'<line x1="{100 * x1 / total:.3f}%" x2="{100 * x2 / total:.3f}%" '
            f'y1="{y1:.1f}" y2="{y2:.1f}" data-class="{i}" data-step="{step}"{color}/>'
        )

    parts = []
    for j, (into, part) in enumerate(merges, 1):
        for i in (into, part):
            parts.append(line(i, begins[i], begins[i], heights[i], j, heights[i]))
        parts.append(line(into, j, j, heights[into], j, heights[part]))
        heights[into] = (heights[into] + heights[part]) / 2
        begins[into] = j
    root = order[0]
    parts.append(line(root, total - 1, total - 1, heights[root], total, heights[root]))
    parts.append(f'<line class="cut" y1="0" y2="100%" {_across(total, total)}/>')
    return (
        f'<svg class="tree" width="100%" height="{total * LEAF_HEIGHT}" role="img" '
        f'aria-label="tree of the classes" data-total="{total}">{"".join(parts)}</svg>'
    )


def _place(k: int, total: int) -> float:
    """Where the tree is cut for k classes, in percent of its width."""
    return 100 * (total - k + 0.5) / total


def _across(k: int, total: int) -> str:
    return f'x1="{_place(k, total):.3f}%" x2="{_place(k, total):.3f}%"'
