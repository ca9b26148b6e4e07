# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What is lost on the way from a map of clusters to one of classes."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from rasterio.io import DatasetReader
from rasterio.windows import Window

from .area import class_areas_ha
from .reading import Labels, nodata_of, read_part


class Dropped:
    """Pixels of a map that have no class in the new one, and why."""

    def __init__(
        self,
        src: DatasetReader,
        names: Sequence[str],
        reasons: Mapping[int, str],
        min_confidence: int,
    ) -> None:
        """Begin.

        Args:
            src: Open map of clusters.
            names: Names of the classes in the order of their codes.
            reasons: Why clusters are dropped, by cluster.
            min_confidence: Lowest confidence in percent that counts as certain.
        """
        self.src = src
        self.names = names
        self.reasons = reasons
        self.min_confidence = min_confidence
        size = int(np.iinfo(src.dtypes[0]).max) + 1
        self._clusters = _Sums(src, size)
        self._classes = _Sums(src, len(names))

    def add_clusters(self, empty: npt.NDArray[np.bool_], window: Window) -> None:
        """Add what has no class by its cluster.

        Args:
            empty: Where the new map has no class.
            window: Place in the map.
        """
        if self.reasons:
            nodata = nodata_of(self.src)
            labels = np.where(empty, read_part(self.src, window), nodata)
            self._clusters.add(labels, window, nodata)

    def add_classes(self, labels: Labels, window: Window) -> None:
        """Add what loses its class because it is uncertain.

        Args:
            labels: Codes of these pixels; elsewhere one that is none.
            window: Place in the map.
        """
        self._classes.add(labels, window)

    def sentences(self, total: int) -> Iterator[str]:
        """Say what was dropped.

        Args:
            total: Number of pixels that had a cluster.

        Yields:
            A sentence for each cluster and for each class.
        """
        for cluster, reason in sorted(self.reasons.items()):
            amount = self._clusters.amount(cluster, total)
            if amount:
                yield f'dropped: cluster {cluster}, {amount} ({reason})'
        for code, name in enumerate(self.names):
            amount = self._classes.amount(code, total)
            if amount:
                reason = f'confidence below {self.min_confidence} %'
                yield f'dropped: of {name}, {amount} ({reason})'


class _Sums:
    """Pixels and hectares by code."""

    def __init__(self, src: DatasetReader, size: int) -> None:
        self.src = src
        self.pixels = np.zeros(size, np.int64)
        self.areas: npt.NDArray[np.float64] | None = np.zeros(size)

    def add(self, labels: Labels, window: Window, nodata: int | None = None) -> None:
        keep = labels < len(self.pixels)
        keep &= True if nodata is None else labels != nodata
        if not keep.any():
            return
        self.pixels += np.bincount(labels[keep], minlength=len(self.pixels))
        here = class_areas_ha(
            np.where(keep, labels.astype(np.int64), -1),
            self.src.crs,
            self.src.transform,
            window.row_off,
            window.col_off,
            len(self.pixels),
        )
        known = self.areas is not None and here is not None
        self.areas = self.areas + here if known else None  # type: ignore[operator]

    def amount(self, code: int, total: int) -> str:
        """Hectares, or pixels, and share of what had a cluster."""
        pixels = int(self.pixels[code])
        if not pixels:
            return ''
        size = f'{pixels:,} px' if self.areas is None else f'{self.areas[code]:,.2f} ha'
        return f'{size}, {pixels / max(total, 1):.1%} of the map'.replace('%', ' %')
