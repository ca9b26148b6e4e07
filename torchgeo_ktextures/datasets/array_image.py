# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Images in memory: bands of any type, of which windows are read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .dask_blocks import DaskBlocks, Index
from .validity import is_nodata


@dataclass(frozen=True)
class BandArray:
    """Bands of one type, with what their numbers mean."""

    #: Numbers of shape (C, H, W): a NumPy array, blocks of dask, or what is indexed by
    #: axis like an array of xarray.
    values: Any

    #: Values that mean no data, of each band.
    nodata: Sequence[Sequence[float]] = ()

    #: True where there is no data, of the same shape.
    mask: npt.NDArray[np.bool_] | None = None

    #: Factor and summand that bring numbers to their unit, of shape (C,).
    scaling: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None = None

    def read(
        self, rows: Index, cols: Index
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Read a window.

        Args:
            rows: Rows.
            cols: Columns.

        Returns:
            Numbers in their unit, and where they are invalid, of shape ``(C, h, w)``.
        """
        if isinstance(self.values, DaskBlocks):
            raw = self.values.read(rows, cols)
        else:
            raw = np.asarray(self.values[:, rows][:, :, cols])
        if raw.dtype.kind == 'b':
            raw = raw.astype(np.uint8)
        # A value beyond the range of float32, or of float16, is infinite: invalid.
        with np.errstate(over='ignore', invalid='ignore'):
            # In C order: that of the memory would change the last digits of results.
            data = raw.astype(np.float32, order='C')
            if self.scaling is not None:
                factor, summand = (v[:, None, None] for v in self.scaling)
                data = (raw * factor + summand).astype(np.float32, order='C')
            invalid = ~np.isfinite(data)
            for i, values in enumerate(self.nodata):
                if len(values):
                    invalid[i] |= is_nodata(raw[i], values)
        if self.mask is not None:
            invalid |= self.mask[:, rows][:, :, cols]
        return data, invalid


def _as_they_are(labels: npt.NDArray[Any]) -> Any:
    return labels


@dataclass(frozen=True)
class ArrayImage:
    """An image in memory, of one or more arrays of bands."""

    #: Arrays of bands.
    parts: Sequence[BandArray]

    #: Name of each band, if they have names.
    names: tuple[str, ...] | None = None

    #: Numbers of the bands, of all parts, in the order of the image.
    order: Sequence[int] = field(default=())

    #: Turns labels of shape (H, W) into what the image was given as.
    wrap: Callable[[npt.NDArray[Any]], Any] = _as_they_are

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of bands, height and width."""
        height, width = self.parts[0].values.shape[1:]
        return len(self), int(height), int(width)

    def __len__(self) -> int:
        """Return the number of bands."""
        return len(self.order) or sum(len_of(part) for part in self.parts)

    def unscaled(self) -> 'ArrayImage':
        """The image without scale and offset."""
        parts = [replace(part, scaling=None) for part in self.parts]
        return replace(self, parts=parts)

    def read(
        self, rows: Index, cols: Index
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Read a window.

        Args:
            rows: Rows.
            cols: Columns.

        Returns:
            Bands, and where they are invalid, of shape ``(C, h, w)``.
        """
        data, invalid = zip(
            *(part.read(rows, cols) for part in self.parts), strict=True
        )
        if len(data) == 1 and not self.order:
            return data[0], invalid[0]
        order = list(self.order) or slice(None)
        return np.concatenate(data)[order], np.concatenate(invalid)[order]


def array_images(
    images: Sequence[ArrayImage | npt.NDArray[Any]],
) -> list[ArrayImage]:
    """Take arrays as images.

    Args:
        images: Images, or arrays of shape ``(C, H, W)``, NaN or infinite where invalid.

    Returns:
        Images.
    """
    return [
        image if isinstance(image, ArrayImage) else ArrayImage([BandArray(image)])
        for image in images
    ]


def check_type(dtype: npt.DTypeLike) -> None:
    """Refuse what is no real number.

    Args:
        dtype: Type of an image.

    Raises:
        TypeError: If it is not a type of numbers.
        ValueError: If it is complex.
    """
    kind = np.dtype(dtype).kind
    if kind == 'c':
        msg = f'Complex data not supported: images are {dtype}; take the amplitude '
        raise ValueError(msg + 'first, with np.abs')
    if kind not in 'biuf':
        msg = f'an image is of type {dtype}; give numbers, as with .astype(float)'
        raise TypeError(msg)


def len_of(part: BandArray) -> int:
    """Number of bands of a part of an image."""
    return int(part.values.shape[0])
