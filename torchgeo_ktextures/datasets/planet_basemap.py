# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Planet basemaps."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path as FilePath
from typing import ClassVar, Literal

import pandas as pd
from pyproj import CRS
from rasterio.io import DatasetReader
from torchgeo.datasets.utils import Path

from .band_names import BASEMAP_BANDS, DEFAULT_BANDS
from .planet import PlanetDataset
from .planet_dates import folder_dates, mosaic_dates
from .planet_file import PlanetFile
from .planet_grid import QUAD_NAME, Quad
from .rasters import CorruptRasterError
from .reading import grid_of
from .sample import Sample


class PlanetBasemap(PlanetDataset):
    """Quads of Planet basemaps, as of the NICFI programme.

    Mosaics are folders of quads, one per date: the time that a mosaic covers is read
    from the name of its folder. Analytic quads have blue, green, red and near infrared
    in reflectance x 10,000 (16 bits), visual quads have red, green and blue (8 bits);
    both may have an alpha band. Names of files such as these are known:

    * ``planet_medres_normalized_analytic_2021-06_mosaic/L15-0632E-1107N.tif``
    * ``planet_medres_normalized_analytic_2016-06_2016-11_mosaic/632-1107.tiff``
    * ``global_monthly_2020_01_mosaic/632-1107_quad.tif``

    Pixels are valid where the alpha band is not zero or, without one, where a band is
    not zero. Quads without data are left out of the index.

    Dataset format: https://docs.planet.com/data/imagery/basemaps/
    """

    filename_glob = '*'
    filename_regex = QUAD_NAME
    noun = 'quad'

    #: Digital numbers are divided by this.
    scales: ClassVar[dict[str, float]] = {'analytic': 10_000.0, 'visual': 255.0}

    def __init__(
        self,
        paths: Path | Iterable[Path] = 'data',
        crs: CRS | None = None,
        res: float | tuple[float, float] | None = None,
        bands: Sequence[str] | None = None,
        product: Literal['analytic', 'visual'] | None = None,
        scale: float | None = None,
        default_date: str | None = None,
        on_corrupt: Literal['raise', 'warn'] = 'raise',
        transforms: Callable[[Sample], Sample] | None = None,
        cache: bool = True,
        time_series: bool = False,
    ) -> None:
        """Initialize a new PlanetBasemap instance.

        Args:
            paths: One or more folders to search or quads to load.
            crs: Coordinate reference system to warp to (defaults to that of the quads,
                EPSG:3857).
            res: Resolution in units of the CRS (defaults to that of the first quad).
            bands: Names of the bands to return (defaults to red, green, blue and nir,
                or red, green and blue of visual quads).
            product: Quads to read where there are both (defaults to what is there).
            scale: Digital numbers are divided by this (defaults to 10,000 for analytic
                and 255 for visual quads).
            default_date: Date of the mosaics whose folder has none in its name, such as
                ``2021-06`` or ``2021-06_2021-11``.
            on_corrupt: What to do about files that cannot be read: 'raise' an error, or
                'warn' and leave them out.
            transforms: A function that takes an input sample and returns a
                transformed version.
            cache: Whether to keep files open.
            time_series: Whether to stack dates, instead of merging them.

        Raises:
            DatasetNotFoundError: If there is no quad in *paths*.
            CorruptRasterError: If a quad cannot be read, or is not where its name says.
            ValueError: If quads do not fit the arguments or each other.
        """
        if product not in (None, *BASEMAP_BANDS):
            msg = f"product={product!r} must be 'analytic' or 'visual'"
            raise ValueError(msg)
        self.product = product
        self.default_date = default_date
        if default_date is not None and mosaic_dates(default_date) is None:
            msg = f'default_date={default_date!r} is not a date such as 2021-06 or 2021-06_2021-11'
            raise ValueError(msg)
        super().__init__(
            paths, crs, res, bands, scale, on_corrupt, transforms, cache, time_series
        )

    def _default_bands(self) -> tuple[str, ...]:
        return BASEMAP_BANDS['visual'] if self.product == 'visual' else DEFAULT_BANDS

    def _default_scale(self) -> float:
        assert self.product is not None
        return self.scales[self.product]

    def _accepts(self, filename: str) -> bool:
        return Quad.from_name(filename) is not None

    def _inspect(self, src: DatasetReader) -> PlanetFile:
        product = 'visual' if src.dtypes[0] == 'uint8' else 'analytic'
        all_bands = BASEMAP_BANDS[product]
        extra = src.count - len(all_bands)
        if src.dtypes[0] not in ('uint8', 'uint16') or extra not in (0, 1):
            msg = (
                f'{src.name} has {src.count} bands of {src.dtypes[0]}, not the 4 or 5 '
            )
            msg += 'bands of uint16 of an analytic or the 3 or 4 bands of uint8 of a '
            msg += 'visual quad'
            raise CorruptRasterError(msg)
        if src.crs is None:
            raise CorruptRasterError(f'{src.name} has no coordinate reference system')
        self._check_place(src)
        dates = folder_dates(src.name)
        if dates is None and self.default_date is not None:
            dates = mosaic_dates(self.default_date)
        if dates is None:
            folder = FilePath(src.name).absolute().parent
            msg = (
                f'folder {folder} has no date in its name that can be read; rename it '
            )
            msg += (
                'to one such as planet_medres_normalized_analytic_2021-06_mosaic, or '
            )
            msg += "give default_date='2021-06'"
            raise ValueError(msg)
        return PlanetFile(
            src.name,
            all_bands,
            alpha=src.count if extra else None,
            dates=dates,
            name=FilePath(src.name).absolute().parent.name,
            grid=grid_of(src),
            crs=src.crs,
        )

    def _check_place(self, src: DatasetReader) -> None:
        quad = Quad.from_name(os.path.basename(src.name))
        assert quad is not None
        if src.crs.to_epsg() != 3857:
            return  # a quad that someone warped
        left, bottom, right, top = quad.bounds
        x, y = src.transform.a / 2, -src.transform.e / 2
        b = src.bounds
        inside = left - x <= b.left < b.right <= right + x
        if not (inside and bottom - y <= b.bottom < b.top <= top + y):
            msg = f'{src.name} lies at {b.left:.1f}, {b.bottom:.1f}, {b.right:.1f}, '
            msg += f'{b.top:.1f}, outside quad {quad.x}-{quad.y} at {left:.1f}, '
            msg += f'{bottom:.1f}, {right:.1f}, {top:.1f}; check its name'
            raise CorruptRasterError(msg)

    def _select(self, sources: list[PlanetFile]) -> list[PlanetFile]:
        by_product: dict[str, list[PlanetFile]] = {p: [] for p in BASEMAP_BANDS}
        for source in sources:
            names = {bands: p for p, bands in BASEMAP_BANDS.items()}
            by_product[names[source.all_bands]].append(source)
        if self.product is None:
            found = [p for p, group in by_product.items() if group]
            if len(found) > 1:
                examples = (by_product[p][0].path for p in found)
                msg = f'paths={self.paths!r} holds analytic and visual quads, such as '
                msg += f'{" and ".join(examples)}; choose with product'
                raise ValueError(msg)
            self.product = 'visual' if found == ['visual'] else 'analytic'
        chosen = by_product[self.product]
        if sources and not chosen:
            msg = f'paths={self.paths!r} holds no {self.product} quad, only quads such '
            msg += f'as {sources[0].path}; change product or paths'
            raise ValueError(msg)
        self._check_twice(chosen)
        return chosen

    def _check_twice(self, sources: list[PlanetFile]) -> None:
        """Refuse two versions of a quad at one time: which is right is not clear."""
        seen: dict[tuple[Quad | None, pd.Timestamp, pd.Timestamp], str] = {}
        for source in sources:
            key = (Quad.from_name(os.path.basename(source.path)), *source.dates)
            other = seen.setdefault(key, source.path)
            if other != source.path:
                msg = f'{other} and {source.path} are the same quad at the same time; '
                msg += 'name the mosaic to read in paths'
                raise ValueError(msg)
