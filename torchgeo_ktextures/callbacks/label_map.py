# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Label maps as Cloud Optimized GeoTIFFs."""

import json
import os
import warnings
from pathlib import Path
from typing import Any

import rasterio
import rasterio.shutil
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetWriter
from rasterio.windows import Window

from ..colors import class_colors
from ..datasets import MapGrid, PixelWindow
from ..maps.reading import NAMES_TAG


class LabelMap:
    """Label map in the making, under a temporary name."""

    def __init__(self, grid: MapGrid, output: Path, num_classes: int) -> None:
        """Begin a map.

        Args:
            grid: Grid of the map.
            output: Path of the map when it is complete.
            num_classes: Number of classes, k.
        """
        self.output = output
        self.tiled = output.with_name(f'.{output.name}.{os.getpid()}.tiles.tif')
        self.cog = output.with_name(f'.{output.name}.{os.getpid()}.cog.tif')
        dtype, self.nodata = ('uint8', 255) if num_classes <= 255 else ('uint16', 65535)
        self.missing = grid.pixels
        profile = {
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
            'compress': 'deflate',
            'bigtiff': 'if_safer',
        }
        if grid.transform is not None:
            profile['transform'] = grid.transform
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', NotGeoreferencedWarning)
            self.dst: DatasetWriter = rasterio.open(self.tiled, 'w', **profile)
        if grid.gcps[0]:
            self.dst.gcps = grid.gcps
        colors = class_colors(num_classes) | dict(enumerate(grid.colors))
        self.dst.write_colormap(1, colors)
        if grid.classes:
            names = json.dumps(grid.classes, ensure_ascii=False)
            self.dst.update_tags(1, **{NAMES_TAG: names})
        self.dst.set_band_description(1, 'class')

    def write(self, labels: Any, w: PixelWindow) -> bool:
        """Write the core of a tile.

        Args:
            labels: Labels of the tile of shape ``(H, W)``, -1 where invalid.
            w: Place of the tile in the map.

        Returns:
            True if the map is now complete.
        """
        row, col = w.core_row - w.row, w.core_col - w.col
        core = labels[row : row + w.core_height, col : col + w.core_width]
        core = core.copy()
        core[core < 0] = self.nodata
        window = Window(w.core_col, w.core_row, w.core_width, w.core_height)
        self.dst.write(core.astype(self.dst.dtypes[0]), 1, window=window)
        self.missing -= core.size
        if self.missing:
            return False
        self.dst.close()
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', NotGeoreferencedWarning)
            rasterio.shutil.copy(
                self.tiled,
                self.cog,
                driver='COG',
                compress='deflate',
                overview_resampling='mode',
            )
        self.cog.replace(self.output)
        self.tiled.unlink()
        return True

    def discard(self) -> None:
        """Close and remove the temporary files."""
        self.dst.close()
        self.tiled.unlink(missing_ok=True)
        self.cog.unlink(missing_ok=True)
