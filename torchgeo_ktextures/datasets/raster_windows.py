# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Pixel-exact windows of any rasters."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rasterio.errors import RasterioError
from rasterio.windows import Window
from torchgeo.datasets.utils import Sample

from ..errors import first_line
from .bands import band_indexes, mask_band, valid_pixels
from .rasters import (
    MASK_SUFFIXES,
    Paths,
    RasterHandles,
    list_rasters,
    open_raster,
)
from .windows import PixelWindow, Windows


class RasterWindows(Windows):
    """Windows of one or more rasters, indexed in pixels.

    Each raster keeps its own grid and coordinate reference system, or has none:
    nothing is warped, merged or rounded, so that a map can be written on exactly the
    grid of its raster. Use with the samplers of :mod:`torchgeo_ktextures.samplers`.

    A sample holds ``image`` (C, H, W), ``mask_valid`` (1, H, W), ``window`` (9),
    ``bounds`` (9) and ``transform`` (9), and ``mask`` (H, W) when there are masks.
    Like those of all TorchGeo datasets, ``bounds`` and ``transform`` are float32: use
    ``window`` to place a result.
    """

    def __init__(
        self,
        paths: Paths,
        bands: Sequence[str | int] = ('red', 'green', 'blue', 'nir'),
        all_bands: Sequence[str] | None = None,
        scale: float = 1,
        nodata: float | None = None,
        mask_paths: Paths | None = None,
        ignore_index: int = 255,
    ) -> None:
        """Initialize a new RasterWindows instance.

        Args:
            paths: Rasters, or folders of GeoTIFF files.
            bands: Names or 1-based indexes of the bands, in the order of the model:
                red, green, blue, near infrared.
            all_bands: Names of the bands of the files in file order (defaults to the
                names in the files, else red, green, blue, nir).
            scale: Digital numbers are divided by this.
            nodata: Value that means no data (defaults to that of each file).
            mask_paths: Label rasters of the same sizes, or folders of them, with the
                file names of the rasters up to the extension.
            ignore_index: Label of pixels that have none.

        Raises:
            FileNotFoundError: If a path does not exist or holds no raster.
            ValueError: If a raster cannot be read or does not fit the arguments.
        """
        if not scale > 0:
            raise ValueError(f'scale={scale} must be positive')
        self.paths = paths
        self.bands = tuple(bands)
        self.all_bands = tuple(all_bands) if all_bands else ()
        self.scale = scale
        self.ignore_index = ignore_index
        self.files = list_rasters(paths)
        entries = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
        entry = {f: i for i, p in enumerate(entries) for f in list_rasters(p)}
        #: Number of the entry of *paths* that each file is of.
        self.entries = [entry[file] for file in self.files]
        self.indexes: list[list[int]] = []
        self.shapes: list[tuple[int, int]] = []
        self.nodata: list[float | None] = []
        for file in self.files:
            with open_raster(file) as src:
                self.indexes.append(band_indexes(src, self.bands, all_bands))
                self.shapes.append((src.height, src.width))
                self.nodata.append(src.nodata if nodata is None else nodata)
        self.masks = self._find_masks(mask_paths) if mask_paths is not None else None
        self._open = RasterHandles()

    def _find_masks(self, mask_paths: Paths) -> list[str]:
        by_stem = {Path(f).stem: f for f in list_rasters(mask_paths, MASK_SUFFIXES)}
        masks = []
        for file, shape in zip(self.files, self.shapes, strict=True):
            mask = by_stem.get(Path(file).stem)
            if mask is None:
                msg = f'{file} has no label raster named {Path(file).stem!r} in '
                msg += f'mask_paths={mask_paths!r}'
                raise FileNotFoundError(msg)
            with open_raster(mask) as src:
                if (src.height, src.width) != shape:
                    msg = f'{mask} has {src.height} x {src.width} pixels, but {file} '
                    msg += f'has {shape[0]} x {shape[1]}; labels need the same grid'
                    raise ValueError(msg)
            masks.append(mask)
        return masks

    def _read(
        self, file: int, window: Window | None, out_shape: tuple[int, int] | None = None
    ) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.bool_]]:
        src = self._open(self.files[file])
        indexes = self.indexes[file]
        shape = (len(indexes), *out_shape) if out_shape else None
        try:
            data = src.read(indexes, window=window, out_shape=shape)
            mask = mask_band(src, indexes, window, out_shape)
        except RasterioError as error:
            msg = f'{self.files[file]} cannot be read ({first_line(error)}); the file '
            msg += 'is truncated or damaged, get a fresh copy'
            raise ValueError(msg) from None
        valid = valid_pixels(data, self.nodata[file])
        return data, valid if mask is None else valid & mask

    def validity(self, file: int, size: int = 512) -> npt.NDArray[np.bool_]:
        """Read the validity of a whole raster, decimated.

        Args:
            file: Number of the raster.
            size: Height and width of the result at most.

        Returns:
            True where valid, of shape ``(h, w)``.
        """
        height, width = self.shapes[file]
        out_shape = (min(height, size), min(width, size))
        return self._read(file, None, out_shape)[1]

    def __getitem__(self, index: PixelWindow) -> Sample:
        """Read a window.

        Args:
            index: Window in pixels.

        Returns:
            A sample, see the class.

        Raises:
            ValueError: If the file cannot be read.
        """
        w = PixelWindow(*index)
        window = Window(w.col, w.row, w.width, w.height)
        data, valid = self._read(w.file, window)
        # In place: tiles are large, and several are on their way at once.
        image = torch.from_numpy(data.astype(np.float32))
        image.div_(self.scale).masked_fill_(torch.from_numpy(~valid), 0)
        src = self._open(self.files[w.file])
        t = src.window_transform(window)
        x, y = (t.c, t.c + t.a * w.width), (t.f + t.e * w.height, t.f)
        bounds = [*x, abs(t.a), *y, abs(t.e), 0.0, 0.0, 1.0]
        sample: Sample = {
            'image': image,
            'mask_valid': torch.from_numpy(valid)[None].float(),
            'window': torch.tensor(w),
            'bounds': torch.tensor(bounds),
            'transform': torch.tensor(list(t)[:9]),
        }
        if self.masks is not None:
            labels = self._open(self.masks[w.file]).read(1, window=window)
            mask = torch.from_numpy(labels.astype(np.int64))
            sample['mask'] = torch.where(
                torch.from_numpy(valid), mask, self.ignore_index
            )
        return sample
