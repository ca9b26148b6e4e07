# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The index of a dataset as arrays."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from geopandas import GeoDataFrame
from rasterio.crs import CRS

Bounds = tuple[slice, slice, slice]


class IndexArrays:
    """The index of a dataset as arrays, to answer many queries."""

    def __init__(self, index: GeoDataFrame, bounds: Bounds) -> None:
        """Initialize a new IndexArrays instance.

        Args:
            index: Index of a dataset.
            bounds: Its bounds.
        """
        self.bounds = bounds
        self.crs = CRS.from_user_input(index.crs)
        self.intervals = index.index
        self.geometry = index.geometry.array
        self.shapes = self.geometry.to_numpy()
        shapely.prepare(self.shapes)
        self.left = index.index.left.to_numpy()
        self.right = index.index.right.to_numpy()

    def shows(self, index: GeoDataFrame) -> bool:
        """Whether an index is still the one that these arrays were made of."""
        same: bool = index.geometry.array is self.geometry
        return same and index.index is self.intervals

    def find(self, x: slice, y: slice, t: slice) -> npt.NDArray[np.int64]:
        """Find the files that a query needs.

        Args:
            x: Left, right and width of a pixel.
            y: Bottom, top and height of a pixel.
            t: First and last moment and step.

        Returns:
            Positions in the index, without files that only touch the query.
        """
        start, stop = (pd.Timestamp(v).to_datetime64() for v in (t.start, t.stop))
        # As in TorchGeo, the first moment of a query is not part of it, unless it is
        # the only one.
        late = (self.right > start) | ((start == stop) & (self.right == stop))
        positions = np.flatnonzero((self.left <= stop) & late)[:: t.step]
        dx = min(x.step, x.stop - x.start) / 4
        dy = min(y.step, y.stop - y.start) / 4
        box = shapely.box(x.start + dx, y.start + dy, x.stop - dx, y.stop - dy)
        found: npt.NDArray[np.int64] = positions[
            shapely.intersects(self.shapes[positions], box)
        ]
        return found
