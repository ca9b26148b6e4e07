# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Bands of the scene that a map is of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rasterio.io import DatasetReader
from rasterio.windows import Window

from .reading import damage_named


@dataclass(frozen=True)
class Scene:
    """Some bands of an open raster."""

    src: DatasetReader
    #: 1-based numbers of the bands.
    indexes: Sequence[int]
    names: Sequence[str]
    #: Value that marks what is invalid in chips, if there is one.
    nodata: float | None
    #: Values that mean no data, besides what GDAL takes as such.
    more_nodata: Sequence[float] = ()
    #: 1-based numbers of bands that are masks.
    masks: Sequence[int] = ()
    #: Whether scale and offset tags are ignored.
    ignore_scale: bool = False

    def read(
        self, window: Window
    ) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.bool_]]:
        """Read a part.

        Args:
            window: Part to read.

        Returns:
            Bands of shape ``(C, H, W)``, and where they are valid, ``(H, W)``.

        Raises:
            UnreadableError: If it cannot be read.
        """
        # Here because it brings torch, which maps alone do not need.
        from ..datasets.validity import read_bands

        with damage_named(self.src):
            return read_bands(
                self.src, self.indexes, window, None, self.more_nodata, self.masks
            )

    def overview(
        self, shape: tuple[int, int]
    ) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.bool_]]:
        """Read all of it, decimated.

        Args:
            shape: Height and width to decimate to.

        Returns:
            Bands of shape ``(C, *shape)``, and where they are valid, of the shape.

        Raises:
            UnreadableError: If it cannot be read.
        """
        from ..datasets.validity import read_bands

        with damage_named(self.src):
            return read_bands(
                self.src, self.indexes, None, shape, self.more_nodata, self.masks
            )

    @property
    def scales(self) -> list[float]:
        """Scale of each band by its tag; 0 says nothing."""
        if self.ignore_scale:
            return [1.0] * len(self.indexes)
        return [self.src.scales[i - 1] or 1 for i in self.indexes]

    @property
    def offsets(self) -> list[float]:
        """Offset of each band by its tag."""
        if self.ignore_scale:
            return [0.0] * len(self.indexes)
        return [self.src.offsets[i - 1] for i in self.indexes]

    def in_units(
        self, pixels: npt.NDArray[np.generic], scale: float
    ) -> npt.NDArray[np.floating]:
        """Bring digital numbers to units, as datasets do.

        Args:
            pixels: Digital numbers of shape ``(C, N)``.
            scale: What they are divided by; with 1, tags of the raster are applied,
                unless they are ignored.

        Returns:
            Values of the same shape.
        """
        values: npt.NDArray[np.float64] = pixels.astype(np.float64)
        if scale != 1:
            return values / scale
        values *= np.array(self.scales)[:, None]
        values += np.array(self.offsets)[:, None]
        return values


def open_scene(
    src: DatasetReader,
    bands: Sequence[str | int] | None,
    nodata: Sequence[float] | None = None,
    ignore_scale: bool = False,
) -> Scene:
    """Choose bands of a scene.

    Args:
        src: Open raster.
        bands: Names or 1-based numbers of the bands (defaults to all but an alpha
            band).
        nodata: Values that mean no data, besides what GDAL takes as such.
        ignore_scale: Whether scale and offset tags are ignored.

    Returns:
        The scene.

    Raises:
        ValueError: If the raster does not have one of the bands.
    """
    from ..datasets.bands import (
        band_indexes,
        band_roles,
        check_types,
        mask_indexes,
    )

    masks = mask_indexes(src)
    if bands is None:
        indexes = [i for i in range(1, src.count + 1) if i not in masks]
    else:
        indexes = band_indexes(src, bands)
    check_types(src, indexes)
    known = {i: name for name, i in band_roles(src).numbers.items()}
    names = [src.descriptions[i - 1] or known.get(i, f'band {i}') for i in indexes]
    return Scene(
        src,
        indexes,
        names,
        src.nodata if src.nodata is not None or not nodata else nodata[0],
        nodata or (),
        masks,
        ignore_scale,
    )
