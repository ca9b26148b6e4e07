# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The tree of classes: which classes become one when there are to be fewer."""

import numpy as np
import numpy.typing as npt


def cut_tree(linkage: npt.ArrayLike, n_clusters: int) -> npt.NDArray[np.int64]:
    """Merge classes until a number of them is left.

    The merged class keeps the number of its larger part. So maps of k and of k + 1
    classes differ in one class only, which is split in two.

    Args:
        linkage: Merges in their order, as a linkage matrix of SciPy, of shape
            (K - 1, 4). The larger part of each merge comes first.
        n_clusters: Number of classes wanted, from 1 to K.

    Returns:
        The class that each class becomes a part of, of shape (K,). Numbers are those of
        the K classes, so that some are not in use.

    Raises:
        ValueError: If there are fewer classes than wanted.

    Example:
        >>> linkage = [[2, 0, 0.1, 2], [3, 1, 0.5, 3]]
        >>> cut_tree(linkage, 2).tolist()
        [2, 1, 2]
    """
    rows = np.asarray(linkage, float).reshape(-1, 4)
    total = len(rows) + 1
    if not 1 <= n_clusters <= total:
        msg = f'n_clusters={n_clusters} is not possible, the tree has {total} classes; '
        raise ValueError(f'{msg}give a number from 1 to {total}')
    numbers = list(range(total))  # of each class and each merged class
    found = np.arange(total)
    for first, second, *_ in rows[: total - n_clusters]:
        keeps = numbers[int(first)]
        found[found == numbers[int(second)]] = keeps
        numbers.append(keeps)
    return found
