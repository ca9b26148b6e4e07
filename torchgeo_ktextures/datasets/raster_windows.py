# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Pixel-exact windows of any rasters."""

import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.windows import Window

from ..errors import DataWarning, some_of
from ..sources import damaged, without_secrets
from .band_names import DEFAULT_BANDS
from .bands import band_indexes, band_roles, check_types, mask_indexes
from .rasters import (
    MASK_SUFFIXES,
    Paths,
    RasterHandles,
    list_rasters,
    list_scenes,
    open_raster,
    raster_name,
)
from .reading import Grid, grid_of
from .sample import Sample
from .sidecars import unread_sidecars
from .units import Units, units_of
from .validity import InvalidIf, as_values, combine_validity, read_invalid
from .windows import PixelWindow, Windows

type _Array = npt.NDArray[Any]

#: Share of the pixels that may lack some of the bands without a warning.
_PARTLY = 0.1


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
        nodata: float | Sequence[float] | None = None,
        mask_paths: Paths | None = None,
        ignore_index: int = 255,
        invalid_if: InvalidIf = 'any',
        ignore_scale: bool = False,
    ) -> None:
        """Initialize a new RasterWindows instance.

        Args:
            paths: Rasters, or folders of GeoTIFF files. Of folders, hidden files,
                quality masks and maps of this package are left out.
            bands: Names or 1-based indexes of the bands, in the order of the model:
                red, green, blue, near infrared.
            all_bands: Names of the bands of the files in file order (defaults to what
                the files tell, see :func:`band_roles`).
            scale: Digital numbers are divided by this. With 1, the scale and offset
                tags of a file are applied, if there are any.
            nodata: Values that mean no data, besides what GDAL takes as such.
            mask_paths: Label rasters of the same sizes, or folders of them, with the
                file names of the rasters up to the extension.
            ignore_index: Label of pixels that have none.
            invalid_if: Whether a pixel is left out where 'any' of its bands is invalid,
                or only where 'all' are; then single missing bands are filled with the
                nearest value.
            ignore_scale: Whether the scale and offset tags of files are ignored.

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
        self.nodata = as_values(nodata)
        self.invalid_if: InvalidIf = invalid_if
        self.ignore_index = ignore_index
        self.files = list_scenes(paths)[0]
        entries = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
        entry = {f: i for i, p in enumerate(entries) for f in list_rasters(p)}
        #: Number of the entry of *paths* that each file is of.
        self.entries = [entry[file] for file in self.files]
        self.indexes: list[list[int]] = []
        self.shapes: list[tuple[int, int]] = []
        self._mask_bands: list[list[int]] = []
        self.ignore_scale = ignore_scale
        #: Units of the bands of each file by its tags.
        self.units: list[Units] = []
        notes: dict[str, list[str]] = {}
        for file in self.files:
            shown = without_secrets(file)
            with open_raster(file) as src:
                indexes = band_indexes(src, self.bands, all_bands)
                if set(self.bands) & set(DEFAULT_BANDS):
                    note = band_roles(src, all_bands).note
                    notes.setdefault(note or '', []).append(shown)
                check_types(src, indexes)
                self.indexes.append(indexes)
                self.shapes.append((src.height, src.width))
                self._mask_bands.append(mask_indexes(src))
                self.units.append(units_of(src, indexes, ignore_scale))
                for sentence in unread_sidecars(src):
                    warnings.warn(f'{shown}: {sentence}', DataWarning, stacklevel=2)
        for note, files in notes.items():
            if note:
                text = f'{some_of(files, 1)}: {note}'
                warnings.warn(text, DataWarning, stacklevel=2)
        self._warn_of_units()
        self.masks = self._find_masks(mask_paths) if mask_paths is not None else None
        self._said_partly = False
        self._open = RasterHandles()

    def _warn_of_units(self) -> None:
        """Warn where some files have scale and offset tags, and others have none."""
        pairs = zip(self.units, self.files, strict=True)
        plain = {units.plain: file for units, file in pairs}
        if self.scale == 1 and len(plain) > 1:
            tagged, other = (without_secrets(plain[kind]) for kind in (False, True))
            msg = f'{tagged} has scale and offset tags, but {other} has none, so that '
            msg += 'their bands may be in different units; --scale gives one for all, '
            msg += '--ignore-scale takes numbers as they are'
            warnings.warn(msg, DataWarning, stacklevel=3)

    def _find_masks(self, mask_paths: Paths) -> list[str]:
        by_name = {raster_name(f): f for f in list_rasters(mask_paths, MASK_SUFFIXES)}
        masks = []
        for file, shape in zip(self.files, self.shapes, strict=True):
            mask = by_name.get(raster_name(file))
            if mask is None:
                msg = f'{file} has no label raster named {raster_name(file)!r} in '
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
    ) -> tuple[_Array, npt.NDArray[np.bool_]]:
        data, invalid = self._read_invalid(file, window, out_shape)
        return combine_validity(data, invalid, self.invalid_if)

    def _read_invalid(
        self, file: int, window: Window | None, out_shape: tuple[int, int] | None = None
    ) -> tuple[_Array, npt.NDArray[np.bool_]]:
        path = self.files[file]
        try:
            return read_invalid(
                self._open(path),
                self.indexes[file],
                window,
                out_shape,
                self.nodata,
                self._mask_bands[file],
            )
        except RasterioError as error:
            raise damaged(path, error) from None

    def grid(self, file: int) -> tuple[Grid, CRS | None]:
        """Find where a raster is.

        Args:
            file: Number of the raster.

        Returns:
            Its pixels, and their coordinate reference system.
        """
        src = self._open(self.files[file])
        return grid_of(src), src.crs

    def read(
        self, file: int, window: Window | None, out_shape: tuple[int, int] | None = None
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Read a part of a raster.

        Args:
            file: Number of the raster.
            window: Part to read, or None for all of it.
            out_shape: Height and width to decimate to.

        Returns:
            Bands in units, of shape ``(C, H, W)``, 0 where invalid, and where they are
            valid, of shape ``(H, W)``.

        Raises:
            CorruptRasterError: If the file cannot be read.
        """
        data, valid = self._read(file, window, out_shape)
        image = self._in_units(file, data)
        self.bring_to_reference(image, file)
        image[:, ~valid] = 0
        return image, valid

    def _in_units(self, file: int, data: _Array) -> npt.NDArray[np.float32]:
        # In place: tiles are large, and several are on their way at once.
        image: npt.NDArray[np.float32] = data.astype(np.float32)
        if self.scale != 1:
            image /= self.scale
            return image
        gain, offset = self.units[file].arrays()
        if (gain != 1).any():
            image *= gain[:, None, None]
        if offset.any():
            image += offset[:, None, None]
        return image

    def sample_pixels(self, file: int, size: int = 512) -> npt.NDArray[np.float32]:
        """Read the valid pixels of a whole raster, decimated.

        Args:
            file: Number of the raster.
            size: Height and width to decimate to, at most.

        Returns:
            Pixels in units, of shape ``(N, C)``.
        """
        height, width = self.shapes[file]
        data, valid = self._read(file, None, (min(height, size), min(width, size)))
        return self._in_units(file, data)[:, valid].T

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
        data, invalid = self._read_invalid(file, None, out_shape)
        partly = float((invalid.any(0) & ~invalid.all(0)).mean())
        if partly > _PARTLY and self.invalid_if == 'any' and not self._said_partly:
            self._said_partly = True
            shown = without_secrets(self.files[file])
            msg = f'{shown}: {partly:.0%} of the pixels have some of the '
            msg += 'bands only, and are left out; --invalid-if all keeps them'
            warnings.warn(msg, DataWarning, stacklevel=2)
        return combine_validity(data, invalid, self.invalid_if)[1]

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
        image, valid = self.read(w.file, window)
        src = self._open(self.files[w.file])
        t = src.window_transform(window)
        x, y = (t.c, t.c + t.a * w.width), (t.f + t.e * w.height, t.f)
        bounds = [*x, abs(t.a), *y, abs(t.e), 0.0, 0.0, 1.0]
        sample: Sample = {
            'image': torch.from_numpy(image),
            'mask_valid': torch.from_numpy(valid)[None].float(),
            'window': torch.tensor(w),
            'bounds': torch.tensor(bounds),
            'transform': torch.tensor(list(t)[:9]),
        }
        if self.masks is not None:
            path = self.masks[w.file]
            try:
                labels = self._open(path).read(1, window=window)
            except RasterioError as error:
                raise damaged(path, error) from None
            mask = torch.from_numpy(labels.astype(np.int64))
            sample['mask'] = torch.where(
                torch.from_numpy(valid), mask, self.ignore_index
            )
        return sample
