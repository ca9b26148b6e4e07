# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Tiles that a sampler of TorchGeo yields, and the files that they show."""

from collections.abc import Iterable
from typing import Any, NamedTuple, Self

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
from torchgeo.datasets import GeoDataset, IntersectionDataset, UnionDataset
from torchgeo.datasets.utils import GeoSlice

#: First and last time of a tile, None where all times are merged.
type Time = tuple[pd.Timestamp, pd.Timestamp] | None


class GeoTile(NamedTuple):
    """Place and time of one tile, exact, which its sample is not (float32)."""

    left: float
    bottom: float
    right: float
    top: float
    time: Time

    @classmethod
    def of(cls, item: GeoSlice, dataset: GeoDataset) -> Self:
        """Read what a sampler yielded.

        Args:
            item: [xmin:xmax, ymin:ymax, tmin:tmax] coordinates; what is missing is that
                of the dataset.
            dataset: Dataset that is indexed by it.

        Returns:
            The tile.

        Raises:
            TypeError: If these are no coordinates.
        """
        parts: Any = (item,) if isinstance(item, slice) else item
        if not isinstance(parts, tuple) or not all(isinstance(p, slice) for p in parts):
            msg = (
                f'the sampler of the prediction yields {item!r}, not coordinates; use '
            )
            raise TypeError(msg + 'one of TorchGeo, such as GriddedPatchSampler')
        x, y, t = (*parts, slice(None), slice(None))[:3]
        if None in (x.start, x.stop, y.start, y.stop):
            whole = dataset.bounds
            x, y = (
                slice(b.start if a.start is None else a.start, a.stop or b.stop)
                for a, b in zip((x, y), whole[:2], strict=True)
            )
        time = None if t.start is None or t.stop is None else (t.start, t.stop)
        return cls(float(x.start), float(y.start), float(x.stop), float(y.stop), time)


def sorted_tiles(tiles: Iterable[GeoTile]) -> list[GeoTile]:
    """Sort tiles in reading order, each once.

    Args:
        tiles: Tiles in the order of a sampler.

    Returns:
        Tiles from the top left on, those of one place by time.
    """

    def place(tile: GeoTile) -> tuple[Any, ...]:
        times = () if tile.time is None else tuple(t.value for t in tile.time)
        return -tile.top, tile.left, -tile.bottom, tile.right, times

    return sorted(set(tiles), key=place)


def rows_at(index: gpd.GeoDataFrame, time: Time) -> npt.NDArray[np.bool_]:
    """Find what a dataset shows at a time.

    Args:
        index: Index of a dataset.
        time: Time of a tile.

    Returns:
        True for each row that the dataset merges into it.
    """
    if time is None:
        return np.ones(len(index), bool)
    found: npt.NDArray[np.bool_] = index.index.overlaps(pd.Interval(*time))
    return found


def image_datasets(dataset: GeoDataset) -> list[GeoDataset]:
    """Find the datasets of images that a dataset is made of.

    Args:
        dataset: Dataset, or an intersection or a union of such.

    Returns:
        Datasets that are not made of others and hold no labels.
    """
    if isinstance(dataset, IntersectionDataset | UnionDataset):
        return [leaf for part in dataset.datasets for leaf in image_datasets(part)]
    return [dataset] if getattr(dataset, 'is_image', True) else []


def file_index(dataset: GeoDataset) -> gpd.GeoDataFrame | None:
    """Find the files that a dataset shows.

    Args:
        dataset: Dataset, or an intersection or a union of such.

    Returns:
        Index with a column ``filepath``, of an intersection that of its first images,
        with what is left of them; None where files are not known.
    """
    if isinstance(dataset, UnionDataset):
        parts = [file_index(part) for part in dataset.datasets]
        known = [part for part in parts if part is not None]
        return pd.concat(known) if len(known) == len(parts) else None
    if isinstance(dataset, IntersectionDataset):
        found = (file_index(part) for part in dataset.datasets if image_datasets(part))
        index = next(found, None)
        if index is None:
            return None
        both = index.intersection(dataset.index.geometry.union_all())
        return index.set_geometry(both)[~both.is_empty]
    return dataset.index if 'filepath' in dataset.index else None


def band_names(dataset: GeoDataset) -> list[str]:
    """Name the bands of the samples of a dataset.

    Args:
        dataset: Dataset, or an intersection or a union of such.

    Returns:
        Names, none where a dataset does not tell.
    """
    if isinstance(dataset, UnionDataset):
        return band_names(dataset.datasets[0])
    names = [
        list(getattr(leaf, 'bands', None) or getattr(leaf, 'all_bands', None) or ())
        for leaf in image_datasets(dataset)
    ]
    return [str(name) for part in names for name in part] if all(names) else []
