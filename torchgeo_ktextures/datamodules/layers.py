# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Maps of the dates of a dataset."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from rasterio.crs import CRS
from rasterio.transform import from_origin

from ..datasets import MapGrid, PixelWindow
from ..datasets.planet import PlanetDataset
from ..samplers import PixelGridSampler


@dataclass
class Layer:
    """What a dataset shows at one date: a mosaic or a scene."""

    dates: tuple[pd.Timestamp, pd.Timestamp]
    grid: MapGrid
    #: Place of the map on the grid of the dataset, in pixels.
    row: int
    col: int
    sampler: PixelGridSampler

    def locate(self, index: Sequence[slice], number: int) -> PixelWindow:
        """Find the place of a patch in the map.

        Args:
            index: What the sampler yielded.
            number: Number of the map.

        Returns:
            Window in pixels of the map, with the part of its core that is in the map.
        """
        w = self.sampler.locate((index[0], index[1]))
        return self._clip(w, number)

    def _clip(self, w: PixelWindow, number: int) -> PixelWindow:
        top, left = max(w.core_row - self.row, 0), max(w.core_col - self.col, 0)
        bottom = min(w.core_row - self.row + w.core_height, self.grid.height)
        right = min(w.core_col - self.col + w.core_width, self.grid.width)
        return PixelWindow(
            number,
            w.row - self.row,
            w.col - self.col,
            w.height,
            w.width,
            top,
            left,
            max(bottom - top, 0),
            max(right - left, 0),
        )


def find_layers(dataset: PlanetDataset, sampler: PixelGridSampler) -> list[Layer]:
    """Find what a dataset shows, date by date.

    Args:
        dataset: Dataset to predict.
        sampler: Grid that covers it.

    Returns:
        One layer per date, in the order of the dates.
    """
    intervals = dataset.index.index
    crs = CRS.from_user_input(dataset.crs)
    xres, yres = dataset.res
    layers = {}
    for interval in sorted(pd.unique(intervals)):
        chosen = dataset.index[intervals == interval]
        left, bottom, right, top = chosen.total_bounds
        files = list(chosen.filepath)
        masks = [m for f in files if (m := dataset.sources[f].udm2) is not None]
        grid = MapGrid(
            dataset.sources[files[0]].name,
            files + masks,
            round((top - bottom) / yres),
            round((right - left) / xres),
            pixels=0,
            crs=crs,
            transform=from_origin(left, top, xres, yres),
            bands=list(dataset.bands),
        )
        row = round((sampler.origin[1] - top) / yres)
        col = round((left - sampler.origin[0]) / xres)
        dates = interval.left, interval.right
        layers[dates] = Layer(dates, grid, row, col, sampler)
    return list(layers.values())
