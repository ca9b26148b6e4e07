# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What Planet's basemaps and scenes have in common."""

import math
import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from matplotlib.figure import Figure
from pyproj import CRS
from rasterio.crs import CRS as RasterCRS
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.transform import from_origin
from torchgeo.datasets import DatasetNotFoundError, RasterDataset
from torchgeo.datasets.utils import GeoSlice, Path, array_to_tensor

from ..errors import first_line
from .index_arrays import IndexArrays
from .planet_file import PlanetFile
from .plot import plot_rgb
from .rasters import CorruptRasterError, RasterHandles, open_raster
from .reading import Grid, is_truncated, read_grid, tiles
from .sample import Sample
from .survey import Survey, load_survey, save_survey, survey_path


class PlanetDataset(RasterDataset, ABC):
    """Base class of datasets of Planet imagery.

    A sample holds ``image`` (C, H, W) in reflectance, 0 where invalid, and
    ``mask_valid`` (1, H, W), 1 where valid, besides ``bounds`` and ``transform``; with
    *time_series*, image and mask have a leading dimension of dates.
    """

    rgb_bands = ('red', 'green', 'blue')

    #: What the files are called, for messages.
    noun = 'file'

    def __init__(
        self,
        paths: Path | Iterable[Path],
        crs: CRS | None,
        res: float | tuple[float, float] | None,
        bands: Sequence[str] | None,
        scale: float | None,
        on_corrupt: Literal['raise', 'warn'],
        transforms: Callable[[Sample], Sample] | None,
        cache: bool,
        time_series: bool,
    ) -> None:
        """Initialize a new PlanetDataset instance; see the subclasses."""
        if on_corrupt not in ('raise', 'warn'):
            raise ValueError(f"on_corrupt={on_corrupt!r} must be 'raise' or 'warn'")
        self.paths = paths
        self.on_corrupt = on_corrupt
        self._open = RasterHandles(128 if cache else 1)
        self.sources: dict[str, PlanetFile] = {}
        chosen = bands or self._default_bands()
        candidates = self._candidates()
        sources = self._select([s for f in candidates if (s := self._try_inspect(f))])
        self._check_grids(sources, crs, res)
        for source in sources:
            source.indexes = self._find_bands(source, chosen)
        self.scale = self._default_scale() if scale is None else scale
        if not self.scale > 0:
            raise ValueError(f'scale={scale} must be positive')
        full = [source for source in sources if self._has_data(source)]
        if not full:
            msg = f'no pixel has data in any of the {len(sources)} {self.noun}s of '
            msg += f'{paths!r}, such as {sources[0].path}; use other files'
            raise ValueError(msg)
        self.all_bands = max((s.all_bands for s in full), key=len)
        self.sources = {source.path: source for source in full}
        super().__init__(paths, crs, res, chosen, transforms, cache, time_series)
        self._fast: IndexArrays | None = None

    @property
    def files(self) -> list[str]:
        """All files of the dataset that have data."""
        return list(self.sources)

    @abstractmethod
    def _default_bands(self) -> tuple[str, ...]:
        """Bands to return when the user names none."""

    @abstractmethod
    def _default_scale(self) -> float:
        """Number that digital numbers are divided by."""

    @abstractmethod
    def _accepts(self, filename: str) -> bool:
        """Whether this is the name of a file of the dataset."""

    @abstractmethod
    def _inspect(self, src: DatasetReader) -> PlanetFile:
        """Describe a raster; raise ValueError if it is not what it seems."""

    @abstractmethod
    def _select(self, sources: list[PlanetFile]) -> list[PlanetFile]:
        """Choose the product; raise ValueError if the choice is not clear."""

    def _candidates(self) -> list[str]:
        found = super().files
        candidates = [f for f in found if self._accepts(os.path.basename(f))]
        if not candidates:
            error = DatasetNotFoundError(self)
            if rest := [f for f in found if os.path.isfile(f)]:
                msg = f'{error} None of the {len(rest)} files there, such as '
                msg += f'{rest[0]}, is named like a {self.noun} of Planet.'
                error.args = (msg,)
            raise error
        return candidates

    def _try_inspect(self, filepath: str) -> PlanetFile | None:
        try:
            with open_raster(filepath) as src:
                if os.path.isfile(filepath) and is_truncated(
                    src, os.path.getsize(filepath)
                ):
                    msg = f'{filepath} is truncated: its data goes on beyond its end; '
                    raise CorruptRasterError(msg + 'get a fresh copy')
                return self._inspect(src)
        except CorruptRasterError as error:
            if self.on_corrupt == 'raise':
                msg = f"{error}, or leave such files out with on_corrupt='warn'"
                raise CorruptRasterError(msg) from None
            warnings.warn(f'{error}; it is left out', stacklevel=4)
            return None

    def _find_bands(self, source: PlanetFile, bands: Sequence[str]) -> tuple[int, ...]:
        for band in bands:
            if band not in source.all_bands:
                msg = f'{source.path} has no band {band!r}: its bands are '
                msg += f'{", ".join(source.all_bands)}; change bands or product'
                raise ValueError(msg)
        return tuple(source.all_bands.index(band) + 1 for band in bands)

    def _check_grids(self, sources: Sequence[PlanetFile], crs: Any, res: Any) -> None:
        """Refuse files that cannot be on one grid, unless the user chose one."""
        if not sources:
            msg = f'no {self.noun} of paths={self.paths!r} is left to read; '
            raise ValueError(msg + 'name other files')
        first = sources[0]
        for source in sources:
            if crs is None and source.crs != first.crs:
                msg = f'{first.path} is in {first.crs}, but {source.path} in '
                msg += f'{source.crs}; use one zone at a time, or choose the one to '
                msg += f'warp to with crs, such as {first.crs}'
                raise ValueError(msg)
            sizes = [s.grid.transform.a for s in (first, source)]
            if crs is None and res is None and not math.isclose(*sizes, rel_tol=1e-3):
                msg = f'{first.path} has pixels of {sizes[0]} m, but {source.path} '
                msg += f'of {sizes[1]} m; use one kind at a time, or set res'
                raise ValueError(msg)

    def _has_data(self, source: PlanetFile) -> bool:
        # Stops at the first part with data: only empty files are read to the end.
        with open_raster(source.path) as src:
            for tile in tiles(src):
                try:
                    if self._read_bands(src, source, tile, None)[1].any():
                        return True
                except RasterioError as error:
                    self._report(source.path, error)
        return False

    def _report(self, path: str, error: Exception) -> None:
        """Raise or warn about a file that opened, but cannot be read."""
        msg = (
            f'{path} cannot be read ({first_line(error)}); the file is damaged, get a '
        )
        msg += 'fresh copy'
        if self.on_corrupt == 'raise':
            raise CorruptRasterError(msg) from None
        warnings.warn(f'{msg}; what cannot be read is left out', stacklevel=4)

    @property
    def bounds(self) -> tuple[slice, slice, slice]:
        """Bounds of the index."""
        return self._arrays().bounds

    def _arrays(self) -> IndexArrays:
        if self._fast is None or not self._fast.shows(self.index):
            self._fast = IndexArrays(self.index, super().bounds)
        return self._fast

    def __getstate__(self) -> dict[str, Any]:
        """Leave what can be found again behind when sent to a worker."""
        return self.__dict__ | {'_fast': None}

    def __getitem__(self, index: GeoSlice) -> Sample:
        """Retrieve a sample.

        Args:
            index: [xmin:xmax:xres, ymin:ymax:yres, tmin:tmax:tres] coordinates to index.

        Returns:
            A sample, see the class.

        Raises:
            IndexError: If *index* is not found in the dataset.
            CorruptRasterError: If a file cannot be read.
        """
        x, y, t = self._disambiguate_slice(index)
        positions = self._arrays().find(x, y, t)
        if not len(positions):
            msg = f'index: {index} not found in dataset with bounds: {self.bounds}'
            raise IndexError(msg)
        shape = round((y.stop - y.start) / y.step), round((x.stop - x.start) / x.step)
        grid = Grid(from_origin(x.start, y.stop, x.step, y.step), *shape)
        paths = self.index.filepath.array
        dates = self.index.index
        groups: dict[pd.Interval, list[str]] = {}
        for i in positions:
            groups.setdefault(dates[i], []).append(paths[i])
        if not self.time_series and len(groups) > 1:
            msg = f'a query covers {len(groups)} dates, from {min(groups).left} to '
            msg += (
                f'{max(groups).left}: the first with data wins in each pixel; give a '
            )
            msg += 'time, use a temporal sampler, or set time_series=True'
            warnings.warn(msg, stacklevel=2)
            groups = {min(groups): [f for date in sorted(groups) for f in groups[date]]}
        parts = [self._read(files, grid) for _, files in sorted(groups.items())]
        if self.time_series:
            image, valid = (torch.stack(part) for part in zip(*parts, strict=True))
        else:
            image, valid = parts[0]
        sample: Sample = {
            'bounds': self._slice_to_tensor(index),
            'transform': torch.tensor(list(grid.transform)),
            'image': image,
            'mask_valid': valid,
        }
        return sample if self.transforms is None else self.transforms(sample)

    def _read(
        self, files: Sequence[str], grid: Grid
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Image and validity of files of one date; the first with data wins."""
        crs = self._arrays().crs
        merged: npt.NDArray[Any] | None = None
        for path in files:
            source = self.sources[path]
            try:
                data, valid = self._read_file(self._open(path), source, grid, crs)
            except RasterioError as error:
                self._report(path, error)
                shape = len(source.indexes), grid.height, grid.width
                data, valid = np.zeros(shape, np.uint16), np.zeros(shape[1:], bool)
            if merged is None:
                merged, filled = data, valid
                continue
            new = valid & ~filled
            merged = np.where(new, data, merged)
            filled = filled | valid
        assert merged is not None
        mask = torch.from_numpy(filled)[None]
        image = array_to_tensor(merged).float() / self.scale
        return image.masked_fill_(~mask, 0), mask.float()

    def _read_file(
        self, src: DatasetReader, source: PlanetFile, grid: Grid, crs: RasterCRS | None
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """Digital numbers (C, H, W) and where they are valid (H, W)."""
        return self._read_bands(src, source, grid, crs)

    def _read_bands(
        self, src: DatasetReader, source: PlanetFile, grid: Grid, crs: RasterCRS | None
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """Digital numbers (C, H, W) and where they are data (H, W)."""
        extra = () if source.alpha is None else (source.alpha,)
        data = read_grid(src, (*source.indexes, *extra), grid, crs)
        valid = (data[-1] if extra else data).astype(bool)
        if extra:
            data = data[:-1]
        else:
            valid = valid.any(0)
        exact = crs is None or (
            crs == source.crs and source.grid.window_of(grid) is not None
        )
        if not exact:
            data = read_grid(src, source.indexes, grid, crs, Resampling.bilinear)
        return data, valid

    def survey(self, filepath: str) -> Survey:
        """Count the valid pixels of a file, and sum its bands over them.

        The file is read once; what was found is kept between runs.

        Args:
            filepath: File of the dataset.

        Returns:
            The survey, in digital numbers.

        Raises:
            CorruptRasterError: If the file cannot be read.
        """
        source = self.sources[filepath]
        files = [filepath] if source.udm2 is None else [filepath, source.udm2]
        path = survey_path(
            files, f'{source.indexes} {self._validity_rule()} {self.on_corrupt}'
        )
        found = load_survey(path)
        if found is None:
            found = self._survey(source)
            save_survey(path, found)
        return found

    def _survey(self, source: PlanetFile) -> Survey:
        whole = np.zeros((source.grid.height, source.grid.width), bool)
        sums, squares = np.zeros((2, len(source.indexes)))
        with open_raster(source.path) as src:
            for tile in tiles(src):
                try:
                    data, valid = self._read_file(src, source, tile, None)
                except RasterioError as error:
                    self._report(source.path, error)
                    continue
                row, col = source.grid.window_of(tile) or (0, 0)
                whole[row : row + tile.height, col : col + tile.width] = valid
                for i, band in enumerate(data):
                    values = band[valid].astype(np.float64)
                    sums[i] += values.sum()
                    squares[i] += values @ values
        return Survey.of(whole, sums, squares)

    def _filepath_to_timestamp(
        self, filepath: Path
    ) -> tuple[pd.Timestamp, pd.Timestamp]:
        return self.sources[str(filepath)].dates

    def _validity_rule(self) -> str:
        """What decides which pixels are valid, besides the files."""
        return 'data'

    def plot(
        self, sample: Sample, show_titles: bool = True, suptitle: str | None = None
    ) -> Figure:
        """Plot a sample from the dataset.

        Args:
            sample: A sample returned by :meth:`__getitem__`.
            show_titles: Whether to show titles above each panel.
            suptitle: Optional string to use as a suptitle.

        Returns:
            A figure with the true-colour image and, if any, the mask and prediction.

        Raises:
            RGBBandsMissingError: If *bands* does not include all RGB bands.
        """
        return plot_rgb(sample, self.bands, self.rgb_bands, show_titles, suptitle)
