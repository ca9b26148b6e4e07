# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Label maps in the making."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetWriter
from rasterio.windows import Window

from ..colors import class_colors
from ..datasets import MapGrid, PixelWindow
from ..maps.cog import finish_cog
from ..maps.output import (
    remove_leftovers,
    temporary_path,
    this_process,
    write_error,
)
from ..maps.reading import NAMES_TAG
from ..maps.writing import create_map
from .origin import CLASS_BAND, ORIGIN_TAG, tags_if_whole
from .statistics import ClassStatistics


class LabelMap:
    """The part of a label map that one process writes, under a temporary name."""

    description = CLASS_BAND

    def __init__(
        self,
        grid: MapGrid,
        output: Path,
        num_classes: int,
        tags: Mapping[str, str],
        rank: int,
        owner: str | None = None,
    ) -> None:
        """Begin a map.

        Args:
            grid: Grid of the map.
            output: Path of the map when it is complete.
            num_classes: Number of classes, k.
            tags: Tags of the map.
            rank: Number of this process among those that predict together.
            owner: Name of these processes in temporary names (defaults to that of this
                one).
        """
        self.owner = owner or this_process()
        self.grid = grid
        self.output = output
        self.tags = tags
        self.part = part_path(output, rank, self.owner)
        self.unfinished = temporary_path(output, f'{rank}.unfinished', self.owner)
        self.statistics = ClassStatistics(num_classes, grid.height)
        self.missing = grid.pixels
        self.dst = self._create(self.unfinished)

    def _create(self, path: Path) -> DatasetWriter:
        dtype, self.nodata = self._dtype()
        # It is read once: small enough, and fast.
        options = {'zlevel': 1, 'sparse_ok': True}
        dst = create_map(path, self.grid, dtype, self.nodata, **options)
        self._decorate(dst)
        dst.set_band_description(1, self.description)
        return dst

    def _dtype(self) -> tuple[str, int]:
        """Data type of the map and value of nodata."""
        wide = self.statistics.num_classes > 255
        return ('uint16', 65535) if wide else ('uint8', 255)

    def _decorate(self, dst: DatasetWriter) -> None:
        colors = class_colors(self.statistics.num_classes)
        dst.write_colormap(1, colors | dict(enumerate(self.grid.colors)))
        if self.grid.classes:
            names = json.dumps(self.grid.classes, ensure_ascii=False)
            dst.update_tags(1, **{NAMES_TAG: names})

    def _count(self, core: npt.NDArray[Any], image: Any, w: PixelWindow) -> None:
        self.statistics.update(core, image, w.core_row)

    def write(
        self, core: npt.NDArray[Any], image: npt.NDArray[Any], w: PixelWindow
    ) -> bool:
        """Write the core of a tile.

        Args:
            core: Labels of the core of shape ``(h, w)``, -1 where invalid.
            image: Bands of the core of shape ``(C, h, w)``.
            w: Place of the tile in the map.

        Returns:
            True if this part of the map is now complete.

        Raises:
            OSError: If the disk is full.
        """
        self._count(core, image, w)
        values = core.astype(self.dst.dtypes[0])
        values[core < 0] = self.nodata
        window = Window(w.core_col, w.core_row, w.core_width, w.core_height)
        try:
            self.dst.write(values, 1, window=window)
        except RasterioError as error:
            raise write_error(self.output, error) from None
        self.missing -= core.size
        return self.missing == 0

    def finish(self) -> None:
        """Put the map into its place: this process wrote all of it."""
        self._close(self.dst)
        if not self.is_there():
            finish_cog(self.unfinished, self.output)
        self.unfinished.unlink()

    def is_there(self) -> bool:
        """Whether another process has put the same map into its place meanwhile."""
        found = tags_if_whole(self.output, self.grid).get(ORIGIN_TAG)
        return found is not None and found == self.tags.get(ORIGIN_TAG)

    def leave(self) -> None:
        """Leave the part to the process that puts the parts together."""
        self.dst.close()
        self.statistics.save(self.part.with_suffix('.npz'))
        self.unfinished.replace(self.part)

    def combine(self, world_size: int) -> None:
        """Put the parts of all processes together.

        Args:
            world_size: Number of processes.
        """
        parts = [part_path(self.output, rank, self.owner) for rank in range(world_size)]
        parts = [part for part in parts if part.stat().st_size]
        for part in parts:
            self.statistics.add(part.with_suffix('.npz'))
        sources = [rasterio.open(part) for part in parts]
        for _, window in self.dst.block_windows(1):
            values = np.full(
                (window.height, window.width), self.nodata, self.dst.dtypes[0]
            )
            for src in sources:
                found = src.read(1, window=window)
                np.copyto(values, found, where=found != self.nodata)
            self.dst.write(values, 1, window=window)
        for src in sources:
            src.close()
        self.finish()
        remove_leftovers(self.output, self.owner)

    def _close(self, dst: DatasetWriter) -> None:
        dst.update_tags(**self.tags)
        if self.statistics.tiles:
            dst.update_tags(1, **self.statistics.tags(self.grid))
        try:
            dst.close()
        except RasterioError as error:
            raise write_error(self.output, error) from None

    def discard(self) -> None:
        """Close and remove what is temporary."""
        try:
            self.dst.close()
        finally:
            remove_leftovers(self.output, self.owner)


class ConfidenceMap(LabelMap):
    """How far ahead the class of each pixel is, in percent."""

    description = 'confidence'

    def _dtype(self) -> tuple[str, int]:
        return 'uint8', 255

    def _decorate(self, dst: DatasetWriter) -> None:
        pass  # grey values are what they are

    def _count(self, core: npt.NDArray[Any], image: Any, w: PixelWindow) -> None:
        pass  # there are no classes


def part_path(output: Path, rank: int, owner: str) -> Path:
    """Path of the complete part of a process; an empty file is an empty part."""
    return temporary_path(output, f'{rank}.part', owner)
