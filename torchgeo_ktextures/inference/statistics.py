# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Pixels, area and spectrum of each class of an image or a map."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..datasets import MapGrid
from ..maps.area import pixel_area_ha
from ..maps.reading import CLASSES_TAG

type _Array = npt.NDArray[Any]


class ClassSummary(NamedTuple):
    """What is known of one class."""

    pixels: int
    #: None without georeference.
    area_ha: float | None
    #: Mean and standard deviation of each band, empty for a class without pixels.
    mean: Sequence[float]
    std: Sequence[float]


class ClassStatistics:
    """Counts the pixels of each class, and sums up their bands.

    Sums do not depend on the order of the tiles, nor on who added them.
    """

    def __init__(self, num_classes: int, height: int) -> None:
        """Begin to count.

        Args:
            num_classes: Number of classes, k.
            height: Number of rows of the image.
        """
        self.num_classes = num_classes
        #: Pixels of each class in each row, of shape ``(H, k)``.
        self.rows = np.zeros((height, num_classes), np.int64)
        #: Sums and sums of squares of the bands over each tile.
        self.tiles: list[_Array] = []

    def update(self, labels: _Array, image: _Array, row: int = 0) -> None:
        """Count a part of the image.

        Args:
            labels: Labels of the part of shape ``(h, w)``, negative where invalid.
            image: Bands of the part of shape ``(C, h, w)``.
            row: First row of the part.
        """
        k = self.num_classes
        index = labels.astype(np.int64) + 1
        rows = index + (k + 1) * np.arange(len(index))[:, None]
        counts = np.bincount(rows.ravel(), minlength=len(index) * (k + 1))
        counts = counts.reshape(len(index), k + 1)[:, 1:]
        self.rows[row : row + len(index)] += counts
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

    def classes(self, areas: _Array | None = None) -> list[ClassSummary]:
        """Summarize.

        Args:
            areas: Hectares of a pixel of each row, or None without georeference.

        Returns:
            One summary per class.
        """
        summaries = []
        for i, count in enumerate(self.rows.sum(0).tolist()):
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

    def tags(self, grid: MapGrid) -> dict[str, str]:
        """Tags of the band of the map.

        Args:
            grid: Grid of the map.

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
            share = 100 * total / (grid.height * grid.width)
            tags = {
                'STATISTICS_MINIMUM': str(present[0]),
                'STATISTICS_MAXIMUM': str(present[-1]),
                'STATISTICS_MEAN': f'{mean:.6g}',
                'STATISTICS_STDDEV': f'{math.sqrt(spread):.6g}',
                'STATISTICS_VALID_PERCENT': f'{share:.4g}',
            }
        areas = None
        if grid.transform is not None:
            rows, middle = np.arange(grid.height), (grid.width - 1) / 2
            areas = pixel_area_ha(grid.crs, grid.transform, rows, middle)
        content = {
            'bands': list(grid.bands),
            'classes': [s._asdict() for s in self.classes(areas)],
        }
        return tags | {CLASSES_TAG: json.dumps(content)}


def pooled_moments(
    parts: Sequence[ClassSummary],
) -> tuple[_Array, _Array] | None:
    """Mean and standard deviation of each band over several summaries.

    Args:
        parts: Summaries, of one class in several images or of all classes of an image.

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


def total_classes(images: Sequence[Sequence[ClassSummary]]) -> list[ClassSummary]:
    """Add up what is known of the same classes in several images.

    Args:
        images: Summaries of all classes of each image.

    Returns:
        One summary per class.
    """
    totals = []
    for parts in zip(*images, strict=True):
        areas = [part.area_ha for part in parts if part.area_ha is not None]
        area = math.fsum(areas) if len(areas) == len(parts) else None
        moments = pooled_moments(parts)
        mean, std = ([], []) if moments is None else (m.tolist() for m in moments)
        pixels = sum(part.pixels for part in parts)
        totals.append(ClassSummary(pixels, area, mean, std))
    return totals


def read_summaries(tag: str) -> tuple[list[str], list[ClassSummary]]:
    """Read the summaries of a map.

    Args:
        tag: Value of :data:`CLASSES_TAG`.

    Returns:
        Names of the bands, and one summary per class.
    """
    content = json.loads(tag)
    return content['bands'], [ClassSummary(**entry) for entry in content['classes']]
