# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""How much of each class became which."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from .comparison import Codes

type _Floats = npt.NDArray[np.float64]


class Transitions:
    """Pixels and hectares by class before and class after.

    Where the dates differ and nothing has changed, as at edges, one half of a pixel has
    stayed the class of the first date and the other half that of the last: so nothing
    depends on the order of the dates.
    """

    def __init__(self, names: Sequence[str], has_area: bool) -> None:
        """Begin to count.

        Args:
            names: Names of the classes.
            has_area: Whether the area of pixels is known.
        """
        self.names = list(names)
        shape = len(names), len(names)
        #: Numbers of pixels of shape ``(k, k)``: before in rows, after in columns.
        self.pixels: _Floats = np.zeros(shape)
        #: Hectares of the same shape, None if they are not known.
        self.hectares: _Floats | None = np.zeros(shape) if has_area else None
        #: Pixels with fewer than two known dates and with one at least, and hectares.
        self.unknown: list[float] = [0, 0]
        #: Pixels that differ at the first and the last date, without any rule.
        self.differing = 0.0

    def add(
        self,
        pairs: tuple[Codes, Codes],
        raw: tuple[Codes, Codes],
        count: Codes,
        seen: Codes,
        rows: _Floats | None,
    ) -> None:
        """Count a part of a map.

        Args:
            pairs: Classes before the first and after the last change.
            raw: Classes of the first and of the last known date.
            count: Numbers of changes.
            seen: Numbers of known dates.
            rows: Hectares of a pixel of each row, if they are known.
        """
        known, changed = seen > 1, count > 0
        self.differing += float((known & (raw[0] != raw[1])).sum())
        area = None if rows is None else np.broadcast_to(rows[:, None], seen.shape)
        parts = [(known & changed, *pairs, 1.0)]
        parts += [(known & ~changed, one, one, 0.5) for one in raw]
        k = len(self.names)
        for where, before, after, share in parts:
            index = before[where].astype(np.int64) * k + after[where]
            pixels = np.bincount(index, minlength=k * k).reshape(k, k)
            self.pixels += share * pixels
            if area is not None and self.hectares is not None:
                sums = np.bincount(index, area[where], k * k).reshape(k, k)
                self.hectares += share * sums
        one_date = seen == 1
        self.unknown[0] += float(one_date.sum())
        if area is not None:
            self.unknown[1] += float(area[one_date].sum())

    @property
    def size(self) -> _Floats:
        """Hectares, or pixels where they are not known, of shape ``(k, k)``."""
        return self.pixels if self.hectares is None else self.hectares

    @property
    def changed(self) -> float:
        """Share of what is known that is another class in the end."""
        total = self.pixels.sum()
        return 0.0 if total == 0 else 1 - float(self.pixels.trace() / total)

    def table(self) -> pd.DataFrame:
        """Make the table of transitions.

        Returns:
            A row for each pair of classes that occurs, with ``from``, ``to``, ``code``
            in the map, ``pixels``, ``area_ha`` if it is known and ``percent`` of what
            is known.
        """
        before, after = np.nonzero(self.pixels)
        k = len(self.names)
        columns = {
            'from': [self.names[i] for i in before],
            'to': [self.names[i] for i in after],
            'code': np.where(before == after, 0, 1 + before * k + after),
            'pixels': self.pixels[before, after],
        }
        if self.hectares is not None:
            columns['area_ha'] = self.hectares[before, after]
        columns['percent'] = self._percent(self.size[before, after])
        return pd.DataFrame(columns)

    def matrix(self) -> pd.DataFrame:
        """Make the matrix of transitions.

        Returns:
            Hectares, or pixels where they are not known: before in rows, after in
            columns.
        """
        names = [pd.Index(self.names, name=name) for name in ('from', 'to')]
        return pd.DataFrame(self.size, *names)

    def classes(self) -> pd.DataFrame:
        """Make the table of gains and losses.

        Returns:
            A row for each class with what it was ``before`` and ``after``, what
            ``persisted``, its ``loss``, ``gain`` and ``net``, in hectares, or in pixels
            where they are not known, and in ``..._percent`` of what it was before
            (before itself: of all).
        """
        size = self.size
        before, after, stayed = size.sum(1), size.sum(0), size.diagonal()
        unit = 'pixels' if self.hectares is None else 'ha'
        values = {
            'before': before,
            'after': after,
            'persisted': stayed,
            'loss': before - stayed,
            'gain': after - stayed,
            'net': after - before,
        }
        columns: dict[str, object] = {'class': self.names}
        columns |= {f'{name}_{unit}': value for name, value in values.items()}
        columns['before_percent'] = self._percent(before)
        with np.errstate(divide='ignore', invalid='ignore'):
            for name in ('persisted', 'loss', 'gain', 'net'):
                columns[f'{name}_percent'] = 100 * values[name] / before
        frame = pd.DataFrame(columns)
        return frame[(before > 0) | (after > 0)].reset_index(drop=True)

    def _percent(self, size: _Floats) -> _Floats:
        total = self.size.sum()
        return 100 * size / total if total else np.zeros_like(size)
