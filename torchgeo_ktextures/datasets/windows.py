# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Pixel-exact windows: what rasters in files and in memory have in common."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from rasterio.crs import CRS
from rasterio.transform import Affine
from torch.utils.data import Dataset

from ..outliers import robust_moments
from .gains import Gains
from .reading import Grid
from .sample import Sample

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class PixelWindow(NamedTuple):
    """Part of a raster in whole pixels, and the core of it that it answers for."""

    #: Number of the raster in the dataset.
    file: int
    #: First row, first column, height and width of the part that is read.
    row: int
    col: int
    height: int
    width: int
    #: The same of the core, in pixels of the raster.
    core_row: int
    core_col: int
    core_height: int
    core_width: int

    @property
    def core(self) -> tuple[slice, slice]:
        """Rows and columns of the core in the raster."""
        return (
            slice(self.core_row, self.core_row + self.core_height),
            slice(self.core_col, self.core_col + self.core_width),
        )

    @property
    def core_in_tile(self) -> tuple[slice, slice]:
        """Rows and columns of the core in the part that is read."""
        row, col = self.core_row - self.row, self.core_col - self.col
        return slice(row, row + self.core_height), slice(col, col + self.core_width)


class Windows(Dataset[Sample]):
    """Windows of one or more rasters, indexed in pixels."""

    #: Names of the rasters.
    files: Sequence[str]

    #: Height and width of each raster.
    shapes: Sequence[tuple[int, int]]

    #: Number of the entry of the arguments that each raster is of.
    entries: Sequence[int]

    #: Label of pixels that have none.
    ignore_index = 255

    #: Mean and standard deviation that the bands of each raster are brought to, of
    #: shape ``(2, C)``, or None to leave them as they are.
    reference: npt.NDArray[np.float64] | None = None

    #: Finds what brings the bands of a raster, by its number, to one radiometry; see
    #: :meth:`read_with`.
    find_gains: Callable[[int], Gains] | None = None

    def __len__(self) -> int:
        """Return the number of rasters."""
        return len(self.files)

    @abstractmethod
    def validity(self, file: int, size: int = 512) -> npt.NDArray[np.bool_]:
        """Read the validity of a whole raster, decimated.

        Args:
            file: Number of the raster.
            size: Height and width of the result at most.

        Returns:
            True where valid, of shape ``(h, w)``.
        """

    @abstractmethod
    def sample_pixels(self, file: int, size: int = 512) -> npt.NDArray[np.float32]:
        """Read the valid pixels of a whole raster, decimated.

        Args:
            file: Number of the raster.
            size: Height and width to decimate to, at most.

        Returns:
            Pixels of shape ``(N, C)``.
        """

    def grid(self, file: int) -> tuple[Grid, CRS | None]:
        """Find where a raster is.

        Args:
            file: Number of the raster.

        Returns:
            Its pixels, and their coordinate reference system. Without georeference, the
            pixels of rasters of one size are the same.
        """
        return Grid(Affine.identity(), *self.shapes[file]), None

    def moments(
        self, file: int
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Estimate mean and standard deviation of the bands of a raster.

        Outliers do not count. The raster is read once, decimated.

        Args:
            file: Number of the raster.

        Returns:
            Means and standard deviations of shape ``(C,)``; 0 and 1 if no pixel is
            valid.
        """
        known = self.__dict__.setdefault('_moments', {})
        if file not in known:
            known[file] = robust_moments(self.sample_pixels(file))
        found: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] = known[file]
        return found

    def normalize_each(self, reference: npt.ArrayLike | None = None) -> None:
        """Bring the bands of each raster to one mean and standard deviation.

        Args:
            reference: Mean and standard deviation of each band, of shape ``(2, C)``
                (defaults to the means of those of all rasters).
        """
        if reference is None:
            every = [self.moments(i) for i in range(len(self.files))]
            reference = np.mean(every, axis=0)
        self.reference = np.asarray(reference, np.float64)
        self.read_with(self._to_reference)

    def _to_reference(self, file: int) -> Gains:
        assert self.reference is not None
        mean, std = self.moments(file)
        ratio = self.reference[1] / std
        return Gains(ratio, self.reference[0] - mean * ratio)

    def read_with(self, find_gains: Callable[[int], Gains] | None) -> None:
        """Have bands be brought to another radiometry as they are read.

        Args:
            find_gains: Finds gain and offset of each band of a raster by its number, or
                None to leave bands as they are.
        """
        self.find_gains = find_gains
        self.__dict__['_gains'] = {}

    def gains_of(self, file: int) -> Gains | None:
        """What brings the bands of a raster to one radiometry.

        Args:
            file: Number of the raster.

        Returns:
            Gain and offset of each band, or None if bands stay as they are.
        """
        if self.find_gains is None:
            return None
        known: dict[int, Gains] = self.__dict__.setdefault('_gains', {})
        if file not in known:
            known[file] = self.find_gains(file)
        return known[file]

    def bring_to_reference(self, image: npt.NDArray[np.float32], file: int) -> None:
        """Bring bands to one radiometry in place, if that was asked for.

        Args:
            image: Bands of shape ``(C, H, W)``.
            file: Number of their raster.
        """
        gains = self.gains_of(file)
        if gains is not None:
            gains.apply(image)

    @abstractmethod
    def __getitem__(self, index: PixelWindow) -> Sample:
        """Read a window.

        Args:
            index: Window in pixels.

        Returns:
            A sample with ``image`` (C, H, W), ``mask_valid`` (1, H, W) and ``window``
            (9).
        """

    def plot(
        self, sample: Sample, show_titles: bool = True, suptitle: str | None = None
    ) -> 'Figure':
        """Plot a sample from the dataset.

        Args:
            sample: A sample returned by :meth:`__getitem__`.
            show_titles: Whether to show titles above each panel.
            suptitle: Optional string to use as a suptitle.

        Returns:
            A figure of the first three bands and, if any, the mask and prediction.
        """
        from .plot import plot_rgb

        shown = {k: v for k, v in sample.items() if k not in ('mask', 'prediction')}
        for key in ('mask', 'prediction'):
            if key in sample:
                labels = sample[key]
                shown[key] = labels.float().masked_fill(
                    labels == self.ignore_index, torch.nan
                )
        names = [str(i) for i in range(len(sample['image']))]
        return plot_rgb(shown, names, names[:3], show_titles, suptitle)


def core_pixels(batch: Sample, labels: torch.Tensor) -> torch.Tensor:
    """Find the pixels that tiles answer for.

    Args:
        batch: Batch of samples, of any dataset.
        labels: Labels of shape ``(B, H, W)``.

    Returns:
        True in the cores of windows, and everywhere in batches without windows.
    """
    keep = torch.ones_like(labels, dtype=torch.bool)
    for mask, index in zip(keep, batch.get('window', []), strict=False):
        w = PixelWindow(*index.tolist())
        mask.zero_()
        mask[w.core_in_tile] = True
    return keep


def core_of(batch: Sample) -> tuple[slice, slice] | None:
    """Find the rows and columns that a tile answers for.

    Args:
        batch: Batch of samples, of any dataset.

    Returns:
        The core of the window in a batch of one, else None.
    """
    windows = list(batch.get('window', []))
    return PixelWindow(*windows[0].tolist()).core_in_tile if len(windows) == 1 else None
