# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""PlanetScope scenes."""

import os
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pyproj import CRS
from rasterio.crs import CRS as RasterCRS
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from torchgeo.datasets.utils import Path

from ..errors import first_line
from .band_names import DEFAULT_BANDS, SCENE_BANDS
from .planet import PlanetDataset
from .planet_file import PlanetFile
from .rasters import CorruptRasterError, open_raster
from .reading import Grid, grid_of, read_grid
from .sample import Sample
from .udm2 import UDM1_BAND, UDM2_INDEXES, check_classes, usable_pixels


class PlanetScope(PlanetDataset):
    """PlanetScope scenes with four or eight bands.

    Names of files such as these are known:

    * ``20210613_101234_56_2413_3B_AnalyticMS_SR_8b_harmonized_clip.tif``
    * ``20180703_141516_1005_3B_AnalyticMS.tif``
    * ``composite.tif``, ``20210613_strip_4567890_composite.tif``

    Surface reflectance (``_SR``, x 10,000) and radiance (x 100, in W m-2 sr-1 um-1) are
    never mixed. Pixels are valid where a band is not zero and where the mask of usable
    data beside the scene (``..._3B_udm2[_clip].tif``, ``composite_udm2.tif``) has one
    of *valid_classes*. Scenes without UDM2 are taken as they are, with a warning.

    Dataset format: https://docs.planet.com/data/imagery/planetscope/
    """

    filename_glob = '*'
    filename_regex = r"""(?xi)
        ^(?:
            (?P<date>\d{8}_\d{6})(?:_(?P<hundredths>\d{2}))?_(?P<satellite>\w{3,4})
            _(?P<level>\dB?)_AnalyticMS(?P<sr>_SR)?(?:_8b)?(?P<harmonized>_harmonized)?
        |
            (?:(?P<day>\d{8})_strip_\d+_)?composite
        )
        (?:_clip)?\.tiff?$
    """
    date_format = '%Y%m%d_%H%M%S'
    noun = 'scene'

    #: Digital numbers are divided by this.
    scales: ClassVar[dict[str, float]] = {'SR': 10_000.0, 'radiance': 100.0}

    def __init__(
        self,
        paths: Path | Iterable[Path] = 'data',
        crs: CRS | None = None,
        res: float | tuple[float, float] | None = None,
        bands: Sequence[str] | None = None,
        product: Literal['SR', 'radiance'] | None = None,
        scale: float | None = None,
        valid_classes: Sequence[str] | None = ('clear',),
        on_corrupt: Literal['raise', 'warn'] = 'raise',
        transforms: Callable[[Sample], Sample] | None = None,
        cache: bool = True,
        time_series: bool = False,
    ) -> None:
        """Initialize a new PlanetScope instance.

        Args:
            paths: One or more folders to search or scenes to load.
            crs: Coordinate reference system to warp to (defaults to that of the scenes,
                which must then be in one UTM zone).
            res: Resolution in units of the CRS (defaults to that of the first scene).
            bands: Names of the bands to return (defaults to red, green, blue and nir).
            product: Scenes to read where there are both (defaults to what is there):
                'SR' for surface reflectance or 'radiance'. Needed for composites, whose
                names do not tell.
            scale: Digital numbers are divided by this (defaults to 10,000 for surface
                reflectance and 100 for radiance).
            valid_classes: UDM2 classes of valid pixels: 'clear', 'snow', 'shadow',
                'light_haze', 'heavy_haze', 'haze' (both) and 'cloud'; None leaves UDM2
                out. Since 2023-11-29, all haze is light haze.
            on_corrupt: What to do about files that cannot be read: 'raise' an error, or
                'warn' and leave them out.
            transforms: A function that takes an input sample and returns a
                transformed version.
            cache: Whether to keep files open.
            time_series: Whether to stack dates, instead of merging them.

        Raises:
            DatasetNotFoundError: If there is no scene in *paths*.
            CorruptRasterError: If a scene cannot be read.
            ValueError: If scenes do not fit the arguments or each other, or a UDM2 does
                not fit its scene.
        """
        if product not in (None, *self.scales):
            raise ValueError(f"product={product!r} must be 'SR' or 'radiance'")
        self.product = product
        self.valid_classes = (
            None if valid_classes is None else check_classes(valid_classes)
        )
        super().__init__(
            paths, crs, res, bands, scale, on_corrupt, transforms, cache, time_series
        )

    def _default_bands(self) -> tuple[str, ...]:
        return DEFAULT_BANDS

    def _default_scale(self) -> float:
        assert self.product is not None
        return self.scales[self.product]

    def _match(self, filepath: str) -> re.Match[str] | None:
        return re.match(self.filename_regex, os.path.basename(filepath))

    def _accepts(self, filename: str) -> bool:
        return self._match(filename) is not None

    def _inspect(self, src: DatasetReader) -> PlanetFile:
        if src.count not in SCENE_BANDS or src.dtypes[0] != 'uint16':
            msg = (
                f'{src.name} has {src.count} bands of {src.dtypes[0]}, not the 4 or 8 '
            )
            raise CorruptRasterError(msg + 'bands of uint16 of a scene')
        if src.crs is None:
            raise CorruptRasterError(f'{src.name} has no coordinate reference system')
        return PlanetFile(
            src.name,
            SCENE_BANDS[src.count],
            alpha=None,
            dates=self._dates(src.name),
            name=os.path.splitext(os.path.basename(src.name))[0],
            grid=grid_of(src),
            crs=src.crs,
        )

    def _dates(self, filepath: str) -> tuple[pd.Timestamp, pd.Timestamp]:
        match = self._match(filepath)
        assert match is not None
        text = match['date'] or match['day']
        if text is None:
            return pd.Timestamp.min, pd.Timestamp.max
        length = {'day': pd.Timedelta(days=1), 'date': pd.Timedelta(seconds=1)}
        try:
            start = pd.to_datetime(
                text, format=self.date_format if match['date'] else '%Y%m%d'
            )
        except ValueError:
            msg = f'{filepath} has {text!r} in its name, which is not a date; check it'
            raise ValueError(msg) from None
        duration = length['date' if match['date'] else 'day']
        if match['hundredths']:
            start += pd.Timedelta(milliseconds=10 * int(match['hundredths']))
            duration = pd.Timedelta(milliseconds=10)
        return start, start + duration - pd.Timedelta(microseconds=1)

    def _product(self, source: PlanetFile) -> str | None:
        match = self._match(source.path)
        assert match is not None
        if match['date'] is None:
            return self.product  # a composite
        return 'SR' if match['sr'] else 'radiance'

    def _select(self, sources: list[PlanetFile]) -> list[PlanetFile]:
        by_product: dict[str, list[PlanetFile]] = {p: [] for p in self.scales}
        for source in sources:
            product = self._product(source)
            if product is None:
                msg = f'the name of {source.path} does not tell what it holds; say so '
                msg += "with product='SR' or product='radiance'"
                raise ValueError(msg)
            by_product[product].append(source)
        if self.product is None:
            found = [p for p, group in by_product.items() if group]
            if len(found) > 1:
                examples = (by_product[p][0].path for p in found)
                msg = f'paths={self.paths!r} holds surface reflectance and radiance, '
                msg += f'such as {" and ".join(examples)}, which must not be mixed; '
                msg += "choose with product='SR' or product='radiance'"
                raise ValueError(msg)
            self.product = 'radiance' if found == ['radiance'] else 'SR'
        chosen = by_product[self.product]
        if sources and not chosen:
            msg = f'paths={self.paths!r} holds no scene in {self.product}, only scenes '
            msg += f'such as {sources[0].path}; change product or paths'
            raise ValueError(msg)
        self._warn_harmonized(chosen)
        if self.valid_classes is not None:
            self._find_masks(chosen)
        return chosen

    def _warn_harmonized(self, sources: list[PlanetFile]) -> None:
        kinds: dict[bool, str] = {}
        for source in sources:
            match = self._match(source.path)
            assert match is not None
            if match['date']:
                kinds.setdefault(bool(match['harmonized']), source.path)
        if len(kinds) > 1:
            msg = f'{kinds[True]} is harmonized with Sentinel-2, but {kinds[False]} is '
            msg += 'not: their reflectances differ a little'
            warnings.warn(msg, stacklevel=5)

    def _find_masks(self, sources: list[PlanetFile]) -> None:
        folders: dict[str, dict[str, str]] = {}
        missing = []
        for source in sources:
            folder, filename = os.path.split(source.path)
            if folder not in folders:
                names = (
                    os.listdir(folder or '.') if os.path.isdir(folder or '.') else []
                )
                folders[folder] = {name.lower(): name for name in names}
            stem = os.path.splitext(filename)[0].lower()
            clip = stem.endswith('_clip')
            stem = re.sub(r'(_analyticms.*|_clip)$', '', stem)
            spellings = [f'{stem}_udm2_clip', f'{stem}_udm2']
            for name in spellings if clip else spellings[::-1]:
                for suffix in ('.tif', '.tiff'):
                    if source.udm2 is None and name + suffix in folders[folder]:
                        found = folders[folder][name + suffix]
                        source.udm2 = os.path.join(folder, found)
            if source.udm2 is None:
                missing.append(source)
            else:
                self._check_mask(source)
        if missing:
            msg = f'{len(missing)} of {len(sources)} scenes have no UDM2 beside them, '
            msg += f'such as {missing[0].path}: clouds are not masked in these'
            warnings.warn(msg, stacklevel=5)

    def _check_mask(self, source: PlanetFile) -> None:
        assert source.udm2 is not None
        with open_raster(source.udm2) as src:
            if src.count < UDM1_BAND:
                msg = f'{source.udm2} has {src.count} bands, not the {UDM1_BAND} of a '
                msg += 'UDM2; get a fresh copy, or leave it out with valid_classes=None'
                raise ValueError(msg)
            grid = grid_of(src)
            same = (grid.height, grid.width) == (source.grid.height, source.grid.width)
            if not same or source.grid.window_of(grid) != (0, 0):
                msg = f'{source.udm2} has {grid.height} x {grid.width} pixels from '
                msg += f'{grid.transform.c}, {grid.transform.f}, but {source.path} has '
                msg += f'{source.grid.height} x {source.grid.width} from '
                msg += (
                    f'{source.grid.transform.c}, {source.grid.transform.f}; get both '
                )
                msg += 'from one order'
                raise ValueError(msg)

    def _read_file(
        self, src: DatasetReader, source: PlanetFile, grid: Grid, crs: RasterCRS | None
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        data, valid = self._read_bands(src, source, grid, crs)
        if source.udm2 is not None and self.valid_classes is not None:
            try:
                udm2 = read_grid(self._open(source.udm2), UDM2_INDEXES, grid, crs)
            except RasterioError as error:
                msg = f'{source.udm2}: {first_line(error)}'
                raise RasterioError(msg) from None
            valid = valid & usable_pixels(udm2, self.valid_classes)
        return data, valid

    def _validity_rule(self) -> str:
        return f'udm2 {self.valid_classes}'
