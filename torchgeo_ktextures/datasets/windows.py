# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Pixel-exact windows: what rasters in files and in memory have in common."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from torch.utils.data import Dataset
from torchgeo.datasets.mixins import PlottingMixin
from torchgeo.datasets.utils import Sample

from .plot import plot_rgb


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


class Windows(Dataset[Sample], PlottingMixin):
    """Windows of one or more rasters, indexed in pixels."""

    #: Names of the rasters.
    files: Sequence[str]

    #: Height and width of each raster.
    shapes: Sequence[tuple[int, int]]

    #: Number of the entry of the arguments that each raster is of.
    entries: Sequence[int]

    #: Label of pixels that have none.
    ignore_index = 255

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
    ) -> Figure:
        """Plot a sample from the dataset.

        Args:
            sample: A sample returned by :meth:`__getitem__`.
            show_titles: Whether to show titles above each panel.
            suptitle: Optional string to use as a suptitle.

        Returns:
            A figure of the first three bands and, if any, the mask and prediction.
        """
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
        row, col = w.core_row - w.row, w.core_col - w.col
        mask.zero_()
        mask[row : row + w.core_height, col : col + w.core_width] = True
    return keep
