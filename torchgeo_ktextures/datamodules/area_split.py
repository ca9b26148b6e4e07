# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Splitting a dataset by area."""

from typing import NamedTuple

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon
from torchgeo.datasets import GeoDataset

from ..samplers import PixelGridSampler

type Area = Polygon | MultiPolygon


class AreaSplit(NamedTuple):
    """Areas that do not overlap."""

    train: Area | None
    val: Area | None
    test: Area | None


def split_area(
    dataset: GeoDataset, size: int, val_split: float, test_split: float, seed: int
) -> AreaSplit:
    """Hold out tiles of a dataset, at all of its dates.

    Args:
        dataset: Dataset to split.
        size: Height and width of the tiles in pixels.
        val_split: Share of the tiles for validation.
        test_split: Share of the tiles for testing.
        seed: Seed of the choice.

    Returns:
        Areas; that for training has no pixel of any tile of the others, and is None
        when nothing is held out.

    Raises:
        ValueError: If there are too few tiles.
    """
    if not (val_split >= 0 and test_split >= 0 and val_split + test_split < 1):
        msg = f'val_split={val_split} and test_split={test_split} must be at least 0 '
        msg += 'and below 1 together'
        raise ValueError(msg)
    tiles = PixelGridSampler(dataset, size=size)
    counts = [
        max(1, round(share * len(tiles.windows))) if share else 0
        for share in (val_split, test_split)
    ]
    if sum(counts) == 0:
        return AreaSplit(None, None, None)
    if sum(counts) >= len(tiles.windows):
        msg = f'the data has only {len(tiles.windows)} tiles of {size} x {size} pixels '
        msg += f'to hold out {sum(counts)} of; use a smaller tile_size, or set '
        msg += 'val_split and test_split to 0'
        raise ValueError(msg)
    order = np.random.default_rng(seed).permutation(len(tiles.windows))
    held = [tiles.windows[i] for i in order[: sum(counts)]]
    cores = [
        shapely.union_all([shapely.box(*tiles.core_bounds(w)) for w in group])
        for group in (held[: counts[0]], held[counts[0] :])
    ]
    whole = shapely.union_all([shapely.box(*tiles.window_bounds(w)) for w in held])
    val, test = (core if not core.is_empty else None for core in cores)
    return AreaSplit(tiles.geometry.difference(whole), val, test)
