# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Maps of any dataset of TorchGeo, from the tiles that a sampler yields."""

import hashlib
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor
from torchgeo.datasets import GeoDataset
from torchgeo.datasets.utils import GeoSlice

from .. import __version__
from ..datasets import MapGrid, PixelWindow
from ..errors import DataWarning, some_of
from .geo_areas import GeoArea, Layout, find_areas
from .geo_map import GeoMap
from .geo_tiles import GeoTile, sorted_tiles
from .tile_parts import Rectangle

type _Array = npt.NDArray[Any]

#: What is said where nothing can be predicted.
NO_TILE = (
    'the sampler yields no tile, so that there is no map; those of TorchGeo yield none '
    'if tiles are larger than the data: use a smaller size, or PixelGridSampler'
)


class GeoMaps:
    """Maps of a dataset of TorchGeo, one per file, per time, or one mosaic.

    Tiles may overlap, of any sampler that yields the same ones each time: each pixel is
    taken from the tile whose centre is nearest, see
    :class:`~torchgeo_ktextures.inference.tile_parts.TileParts`.
    """

    #: Maps that are there already are left out of the sampler, see
    #: :class:`~torchgeo_ktextures.samplers.RemainingTiles`.
    finished: Callable[[], Collection[int]] = tuple

    def __init__(
        self,
        dataset: GeoDataset,
        items: Sequence[GeoSlice],
        layout: Layout = 'file',
        settings: str = '',
        moments: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        """Initialize a new GeoMaps instance.

        Args:
            dataset: Dataset that is predicted.
            items: What the samplers of all processes yield.
            layout: Whether there is one map per 'file', per 'time', or one 'mosaic'.
            settings: What else decides the maps, besides files, tiles and model.
            moments: Mean and standard deviation that bands are normalized with, if they
                are.

        Raises:
            TypeError: If the samplers yield no coordinates.
            ValueError: If there is no tile, or the layout does not fit dataset and
                tiles.

        Warns:
            DataWarning: If no tile shows a file.
        """
        self.dataset = dataset
        self.moments = moments
        self.settings = f'{__version__} {type(dataset).__name__} {layout} {settings}'
        self.tiles = sorted_tiles(GeoTile.of(item, dataset) for item in items)
        if not self.tiles:
            raise ValueError(NO_TILE)
        self.numbers = {tile: i for i, tile in enumerate(self.tiles)}
        self.maps: list[GeoMap] = []
        empty = []
        for area in find_areas(dataset, self.tiles, layout):
            found = self._tiles_of(area)
            if found:
                self.maps.append(GeoMap(dataset, area, found))
            else:
                empty.append(area.name)
        if empty:
            msg = f'no tile shows {some_of(empty)}: there is no map of that. Samplers '
            msg += 'may leave out what is smaller than a tile; use smaller tiles'
            warnings.warn(msg, DataWarning, stacklevel=2)
        #: Parts of maps that are still to come, by the number of their tile.
        self.pieces: dict[int, list[tuple[int, Rectangle]]] = {}

    def begin(
        self,
        shares: Sequence[Sequence[GeoSlice]],
        rank: int = 0,
        finished: Collection[int] = (),
    ) -> None:
        """Divide the tiles among processes.

        Args:
            shares: What the sampler of each process yields.
            rank: Number of this process.
            finished: Numbers of the maps that need no tiles.
        """
        owners: dict[GeoTile, int] = {}
        for number, share in enumerate(shares):
            for item in share:
                owners.setdefault(GeoTile.of(item, self.dataset), number)
        needed = [(n, m) for n, m in enumerate(self.maps) if n not in finished]
        self.pieces = {
            i: [(n, part) for n, m in needed for part in m.parts_of(i)]
            for i, tile in enumerate(self.tiles)
            if owners.get(tile) == rank
        }

    def _tiles_of(self, area: GeoArea) -> dict[int, GeoTile]:
        bounds = np.array([tile[:4] for tile in self.tiles]).reshape(-1, 4)
        left, bottom, right, top = area.rows.total_bounds
        dx, dy = self.dataset.res[0] / 2, self.dataset.res[1] / 2
        here = (bounds[:, 0] < right - dx) & (bounds[:, 2] > left + dx)
        here &= (bounds[:, 1] < top - dy) & (bounds[:, 3] > bottom + dy)
        return {
            i: self.tiles[i]
            for i in np.flatnonzero(here).tolist()
            if self.tiles[i].time in area.times
        }

    def maps_of(self, item: GeoSlice) -> set[int]:
        """Find the maps that a tile is needed for.

        Args:
            item: What the sampler yields.

        Returns:
            Numbers of the maps.
        """
        number = self.numbers[GeoTile.of(item, self.dataset)]
        return {i for i, m in enumerate(self.maps) if number in m.numbers}

    def predict_maps(self) -> list[MapGrid]:
        """Maps of the prediction.

        Returns:
            Grids of the maps.
        """
        pixels = np.zeros(len(self.maps), np.int64)
        for pieces in self.pieces.values():
            for number, part in pieces:
                pixels[number] += part.height * part.width
        grids = []
        for m, count in zip(self.maps, pixels.tolist(), strict=True):
            tiles = hashlib.sha256(m.boxes.tobytes()).hexdigest()
            settings = f'{self.settings} {m.grid.bands} {m.times} {tiles}'
            grids.append(m.grid._replace(pixels=count, settings=settings))
        return grids

    def predict_windows(
        self, batch: Any, indices: Sequence[GeoSlice]
    ) -> list[PixelWindow]:
        """Find the tiles of a batch.

        Args:
            batch: Batch of the prediction.
            indices: What the sampler yielded for it.

        Returns:
            Whole tiles, whose ``file`` is their number, for :meth:`divide`.

        Raises:
            ValueError: If a tile is not one of those that the sampler yielded before,
                or not of its size.
        """
        windows = []
        for item, image in zip(indices, batch['image'], strict=True):
            tile = GeoTile.of(item, self.dataset)
            if tile not in self.numbers:
                msg = f'the sampler yields other tiles each time (such as {tile[:4]}), '
                msg += 'so that they cover nothing as a whole; use one that does not '
                raise ValueError(msg + 'draw at random, such as GriddedPatchSampler')
            height, width = image.shape[-2:]
            xres, yres = self.dataset.res
            shape = (
                round((tile.top - tile.bottom) / yres),
                round((tile.right - tile.left) / xres),
            )
            if (height, width) != shape:
                msg = f'a tile of {shape[0]} x {shape[1]} pixels came as an image of '
                msg += f'{height} x {width}; leave out transforms that change the size'
                raise ValueError(msg)
            place = self.numbers[tile], 0, 0, height, width
            windows.append(PixelWindow(*place, *place[1:]))
        return windows

    def divide(
        self, tile: PixelWindow, image: _Array, cores: dict[str, _Array]
    ) -> Iterator[tuple[PixelWindow, _Array, dict[str, _Array]]]:
        """Divide a tile among the maps that it is needed for.

        Args:
            tile: Tile, from :meth:`predict_windows`.
            image: Bands of shape ``(C, H, W)``.
            cores: Predictions of shape ``(H, W)`` by kind.

        Yields:
            Place in a map, bands and predictions, -1 where no file is.
        """
        # A tile that comes twice counts once.
        for number, part in self.pieces.pop(tile.file, ()):
            m = self.maps[number]
            row, col = m.boxes[m.numbers[tile.file], :2].tolist()
            w = PixelWindow(number, row, col, tile.height, tile.width, *part)
            rows, cols = w.core_in_tile
            inner = {kind: core[rows, cols] for kind, core in cores.items()}
            outside = m.outside(part)
            if outside is not None:
                inner = {k: np.where(outside, -1, core) for k, core in inner.items()}
            yield w, image[:, rows, cols], inner

    def restore(self, image: Tensor, windows: Sequence[PixelWindow] = ()) -> Tensor:
        """Undo the normalization of the data module, if any.

        Args:
            image: Bands of shape ``(B, C, H, W)``.
            windows: Not used.

        Returns:
            Bands as they were read, of the same shape.
        """
        if self.moments is None:
            return image
        mean, std = (m.to(image).reshape(-1, 1, 1) for m in self.moments)
        restored: Tensor = image * std + mean
        return restored
