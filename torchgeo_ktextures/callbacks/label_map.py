# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Label maps in the making."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader, DatasetWriter
from rasterio.transform import Affine
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
from ..maps.reading import NAMES_TAG, count_labels, open_raster
from ..maps.writing import set_gcps
from .class_statistics import CLASSES_TAG, ClassStatistics, read_summaries

#: Tag of a map that tells what it was made of.
ORIGIN_TAG = 'KTEXTURES_ORIGIN'


class LabelMap:
    """The part of a label map that one process writes, under a temporary name."""

    description = 'class'

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
        self.statistics = ClassStatistics(grid, num_classes)
        self.missing = grid.pixels
        self.dst = self._create(self.unfinished)

    def _create(self, path: Path) -> DatasetWriter:
        grid = self.grid
        dtype, self.nodata = self._dtype()
        profile: dict[str, Any] = {
            'driver': 'GTiff',
            'height': grid.height,
            'width': grid.width,
            'count': 1,
            'dtype': dtype,
            'nodata': self.nodata,
            'crs': grid.crs,
            'tiled': True,
            'blockxsize': 256,
            'blockysize': 256,
            # It is read once: small enough, and fast.
            'compress': 'deflate',
            'zlevel': 1,
            'sparse_ok': True,
            'bigtiff': 'if_safer',
        }
        if grid.transform is not None:
            profile['transform'] = grid.transform
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', NotGeoreferencedWarning)
            dst: DatasetWriter = rasterio.open(path, 'w', **profile)
        set_gcps(dst, grid.gcps)
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
        self.statistics.update(core, image, w)

    def write(
        self, labels: npt.NDArray[Any], image: npt.NDArray[Any], w: PixelWindow
    ) -> bool:
        """Write the core of a tile.

        Args:
            labels: Labels of the tile of shape ``(H, W)``, -1 where invalid.
            image: Bands of the tile of shape ``(C, H, W)``.
            w: Place of the tile in the map.

        Returns:
            True if this part of the map is now complete.

        Raises:
            OSError: If the disk is full.
        """
        rows = slice(w.core_row - w.row, w.core_row - w.row + w.core_height)
        cols = slice(w.core_col - w.col, w.core_col - w.col + w.core_width)
        core = labels[rows, cols]
        self._count(core, image[:, rows, cols], w)
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
            dst.update_tags(1, **self.statistics.tags())
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


def read_tags(output: Path) -> Mapping[str, str]:
    """Read the tags of a map and its band.

    Args:
        output: Path of a map.

    Returns:
        Tags, none if there is no such map.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', NotGeoreferencedWarning)
            with rasterio.open(output) as src:
                return {**src.tags(), **src.tags(1)}
    except (RasterioError, ValueError):  # or tags are no text
        return {}


def tags_if_whole(output: Path, like: MapGrid | DatasetReader) -> Mapping[str, str]:
    """Read the tags of a map and its band, if it is as it was written.

    Args:
        output: Path of a map.
        like: Grid that it should have, or its open scene.

    Returns:
        Tags, none if there is no such map, it is not on the grid, or a pixel of it is
        not as its tags say.
    """
    tags = read_tags(output)
    if ORIGIN_TAG not in tags:
        return tags
    try:
        with open_raster(output) as src:
            if not _is_on(src, like):
                return {}
            counts = count_labels(src)
            if src.descriptions[0] == LabelMap.description:
                told = [c.pixels for c in read_summaries(tags[CLASSES_TAG])[1]]
                found = counts[: len(told)].tolist()
                if found != told or counts.sum() != sum(told):
                    return {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return tags


def _is_on(src: DatasetReader, like: MapGrid | DatasetReader) -> bool:
    """Whether a map has the pixels of a grid."""
    transform = like.transform or Affine.identity()
    differences = np.subtract(src.transform[:6], transform[:6])
    pixel = max(map(abs, transform[:2] + transform[3:5]))
    return (
        src.shape == (like.height, like.width)
        and src.crs == like.crs
        and bool((np.abs(differences) <= pixel * 1e-6).all())
    )
