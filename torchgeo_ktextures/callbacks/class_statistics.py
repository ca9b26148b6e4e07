# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Pixels, area and spectrum of each class of a map."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..datasets import MapGrid, PixelWindow
from ..maps.area import pixel_area_ha

type _Array = npt.NDArray[Any]


class ClassSummary(NamedTuple):
    """What a map says about one class."""

    pixels: int
    #: None for a map without georeference.
    area_ha: float | None
    #: Mean and standard deviation of each band, empty for a class without pixels.
    mean: Sequence[float]
    std: Sequence[float]


class ClassStatistics:
    """Counts what is written to a map.

    Sums do not depend on the order of the tiles, nor on who wrote them.
    """

    def __init__(self, grid: MapGrid, num_classes: int) -> None:
        """Begin to count.

        Args:
            grid: Grid of the map.
            num_classes: Number of classes, k.
        """
        self.grid = grid
        self.num_classes = num_classes
        #: Pixels of each class in each row, of shape ``(H, k)``.
        self.rows = np.zeros((grid.height, num_classes), np.int64)
        #: Sums and sums of squares of the bands over each tile.
        self.tiles: list[_Array] = []

    def update(self, labels: _Array, image: _Array, w: PixelWindow) -> None:
        """Count the core of a tile.

        Args:
            labels: Labels of the core of shape ``(h, w)``, negative where invalid.
            image: Bands of the core of shape ``(C, h, w)``.
            w: Place of the tile.
        """
        k = self.num_classes
        index = labels.astype(np.int64) + 1
        rows = index + (k + 1) * np.arange(len(index))[:, None]
        counts = np.bincount(rows.ravel(), minlength=len(index) * (k + 1))
        counts = counts.reshape(len(index), k + 1)[:, 1:]
        self.rows[w.core_row : w.core_row + w.core_height] += counts
        flat = index.ravel()
        sums = [
            np.bincount(flat, values, k + 1)[1:]
            for band in image.reshape(len(image), -1)
            for values in (band, np.square(band, dtype=np.float64))
        ]
        self.tiles.append(np.stack(sums))

    def save(self, path: Path) -> None:
        """Keep the counts of one process.

        Args:
            path: Path of a file.
        """
        with path.open('wb') as file:
            tiles = np.stack(self.tiles) if self.tiles else np.empty((0, 0, 0))
            np.savez(file, rows=self.rows, tiles=tiles)

    def add(self, path: Path) -> None:
        """Add the counts of another process.

        Args:
            path: Path of its file.
        """
        with np.load(path) as parts:
            self.rows += parts['rows']
            self.tiles += list(parts['tiles'])

    def classes(self) -> list[ClassSummary]:
        """Summarize.

        Returns:
            One summary per class.
        """
        counts = self.rows.sum(0)
        areas = None
        if self.grid.transform is not None:
            areas = pixel_area_ha(
                self.grid.crs,
                self.grid.transform,
                np.arange(self.grid.height),
                (self.grid.width - 1) / 2,
            )
        summaries = []
        for i, count in enumerate(counts.tolist()):
            mean, std = [], []
            if count and self.tiles:
                sums = np.array([tile[:, i] for tile in self.tiles])
                # fsum rounds once, at the end, whatever the order.
                totals = [math.fsum(column) / count for column in sums.T]
                mean = totals[::2]
                squares = totals[1::2]
                std = [
                    math.sqrt(max(s - m * m, 0))
                    for m, s in zip(mean, squares, strict=True)
                ]
            area = None if areas is None else math.fsum(areas * self.rows[:, i])
            summaries.append(ClassSummary(count, area, mean, std))
        return summaries

    def tags(self) -> dict[str, str]:
        """Tags of the band of the map.

        Returns:
            Statistics as GDAL names them, and :data:`CLASSES_TAG`.
        """
        counts = self.rows.sum(0)
        total, values = int(counts.sum()), np.arange(self.num_classes)
        tags = {}
        if total:
            present = values[counts > 0]
            mean = float((counts * values).sum()) / total
            spread = float((counts * (values - mean) ** 2).sum()) / total
            share = 100 * total / (self.grid.height * self.grid.width)
            tags = {
                'STATISTICS_MINIMUM': str(present[0]),
                'STATISTICS_MAXIMUM': str(present[-1]),
                'STATISTICS_MEAN': f'{mean:.6g}',
                'STATISTICS_STDDEV': f'{math.sqrt(spread):.6g}',
                'STATISTICS_VALID_PERCENT': f'{share:.4g}',
            }
        content = {
            'bands': list(self.grid.bands),
            'classes': [s._asdict() for s in self.classes()],
        }
        return tags | {CLASSES_TAG: json.dumps(content)}


def pooled_moments(
    parts: Sequence[ClassSummary],
) -> tuple[_Array, _Array] | None:
    """Mean and standard deviation of each band over several summaries.

    Args:
        parts: Summaries, of one class in several maps or of all classes of a map.

    Returns:
        Both of shape ``(C,)``, or None if none has a pixel.
    """
    some = [part for part in parts if part.pixels and part.mean]
    if not some:
        return None
    weights = np.array([part.pixels for part in some])
    weights = weights / weights.sum()
    means = np.array([part.mean for part in some])
    mean = weights @ means
    square = weights @ (np.array([part.std for part in some]) ** 2 + means**2)
    return mean, np.sqrt(np.maximum(square - mean**2, 0))


#: Tag of a label map that holds the summaries of its classes as JSON.
CLASSES_TAG = 'KTEXTURES_CLASSES'


def read_summaries(tag: str) -> tuple[list[str], list[ClassSummary]]:
    """Read the summaries of a map.

    Args:
        tag: Value of :data:`CLASSES_TAG`.

    Returns:
        Names of the bands, and one summary per class.
    """
    content = json.loads(tag)
    return content['bands'], [ClassSummary(**entry) for entry in content['classes']]
