# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""One map of a dataset of TorchGeo: its pixel grid, and its part of each tile."""

import warnings

import numpy as np
import numpy.typing as npt
import rasterio.features
import shapely
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.windows import Window
from rasterio.windows import bounds as window_bounds
from rasterio.windows import transform as window_transform
from torchgeo.datasets import GeoDataset

from ..datasets import MapGrid
from ..errors import DataWarning
from .geo_areas import GeoArea, files_of
from .geo_tiles import GeoTile, band_names, rows_at
from .tile_parts import Rectangle, TileParts

type _Array = npt.NDArray[np.float64]
type _Boxes = npt.NDArray[np.int64]

#: Part of a pixel that two grids may differ by and still be one.
_OFF = 0.01


class GeoMap:
    """The map of an area.

    It has the coordinate reference system and the resolution of the dataset. Its pixel
    grid is that of its tiles, and so that of the files if tiles are on it.
    """

    def __init__(
        self, dataset: GeoDataset, area: GeoArea, tiles: dict[int, GeoTile]
    ) -> None:
        """Initialize a new GeoMap instance.

        Args:
            dataset: Dataset that is predicted.
            area: What the map shows.
            tiles: Tiles that show it, at least one, by their numbers in reading order.

        Warns:
            DataWarning: If the tiles are not on one pixel grid.
        """
        self.numbers = {number: i for i, number in enumerate(tiles)}
        self.times = sorted({str(tile.time) for tile in tiles.values()})
        bounds = np.array([tile[:4] for tile in tiles.values()])
        res = dataset.res
        left, top, boxes, (height, width) = _grid(area, bounds, res)
        #: First row, first column, last row and last column of the tiles in the map.
        self.boxes = boxes
        within = boxes.clip(0, [height, width, height, width])
        if len(area.times) > 1:  # one may have nothing where another has data
            some = np.array([_data_bounds(area, tile) for tile in tiles.values()])
            data = _pixels(some, left, top, res).round().astype(np.int64)
            within[:, :2] = np.maximum(within[:, :2], data[:, :2])
            within[:, 2:] = np.minimum(within[:, 2:], data[:, 2:])
        self.parts = TileParts(boxes, within)
        self.footprint = area.rows.geometry.union_all()
        self.transform = from_origin(left, top, *res)
        self.grid = MapGrid(
            area.name,
            files_of(dataset, area),
            height,
            width,
            pixels=0,
            crs=CRS.from_user_input(dataset.crs),
            transform=self.transform,
            bands=band_names(dataset),
        )

    def parts_of(self, number: int) -> list[Rectangle]:
        """Find the pixels that a tile answers for.

        Args:
            number: Number of the tile.

        Returns:
            Rectangles of the map.
        """
        return self.parts.of(self.numbers[number]) if number in self.numbers else []

    def outside(self, part: Rectangle) -> npt.NDArray[np.bool_] | None:
        """Find pixels that are in no file.

        Args:
            part: Part of the map.

        Returns:
            True where there is no data, of the shape of the part; None if that is
            nowhere.
        """
        shape = part.height, part.width
        window = Window(part.col, part.row, part.width, part.height)
        left, bottom, right, top = window_bounds(window, self.transform)
        # Centres of pixels count.
        dx, dy = self.transform.a / 2, -self.transform.e / 2
        centers = shapely.box(left + dx, bottom + dy, right - dx, top - dy)
        shapely.prepare(self.footprint)
        if self.footprint.covers(centers):
            return None
        here = self.footprint.intersection(shapely.box(left, bottom, right, top))
        if here.is_empty:
            return np.ones(shape, bool)
        mask: npt.NDArray[np.bool_] = rasterio.features.geometry_mask(
            [here], shape, window_transform(window, self.transform)
        )
        return mask


def _pixels(
    bounds: _Array, left: float, top: float, res: tuple[float, float]
) -> _Array:
    """Rows and columns of left, bottom, right and top, as fractions."""
    cols, rows = (bounds[:, ::2] - left) / res[0], (top - bounds[:, 1::2]) / res[1]
    return np.stack([rows[:, 1], cols[:, 0], rows[:, 0], cols[:, 1]], 1)


def _grid(
    area: GeoArea, bounds: _Array, res: tuple[float, float]
) -> tuple[float, float, _Boxes, tuple[int, int]]:
    """Upper left corner of a map, tiles in pixels of it, and its height and width."""
    left, bottom, right, top = map(float, area.rows.total_bounds)
    height, width = round((top - bottom) / res[1]), round((right - left) / res[0])
    places = _pixels(bounds, left, top, res)
    off = places[:, :2] - places[:, :2].round()
    if (np.abs(off).max(1) > _OFF).all():  # no tile is on the grid of the files
        top, left = top - off[0, 0] * res[1], left + off[0, 1] * res[0]
        places = _pixels(bounds, left, top, res)
        off = places[:, :2] - places[:, :2].round()
    if np.abs(off).max() > _OFF:
        msg = f'{area.name}: tiles are up to {np.abs(off).max():.2f} pixels off the '
        msg += 'grid of the map, as each file has its own; use GriddedPatchSampler, '
        warnings.warn(f'{msg}whose tiles share one', DataWarning, stacklevel=2)
    boxes = places.round().astype(np.int64)
    sizes = (places[:, 2:] - places[:, :2]).round().astype(np.int64)
    boxes[:, 2:] = boxes[:, :2] + sizes
    # What no tile reaches is not in the map.
    first = boxes[:, :2].min(0).clip(0)
    last = np.minimum(boxes[:, 2:].max(0), [height, width])
    boxes -= np.tile(first, 2)
    height, width = (last - first).tolist()
    return (
        left + float(first[1]) * res[0],
        top - float(first[0]) * res[1],
        boxes,
        (height, width),
    )


def _data_bounds(area: GeoArea, tile: GeoTile) -> tuple[float, float, float, float]:
    """Bounds of the files that are merged into a tile."""
    rows = area.rows[rows_at(area.rows, tile.time)]
    here = rows[rows.intersects(shapely.box(*tile[:4]))]
    left, bottom, right, top = map(float, (here if len(here) else rows).total_bounds)
    return left, bottom, right, top
