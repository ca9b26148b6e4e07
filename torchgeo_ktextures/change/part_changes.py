# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What changes in a part of a map at a date."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt

from .comparison import Codes, find_candidates, halo_of, joint_confidence
from .evidence import (
    EVIDENCE_HALO,
    REACH,
    Bands,
    Floats,
    SceneSums,
    confirm,
    draw_outlines,
    stand_out,
)
from .rules import UNKNOWN, ChangeRules

type _Mask = npt.NDArray[np.bool_]

#: A part of a map: its rows and its columns.
type Part = tuple[slice, slice]


#: Height and width of the parts that are compared at once.
_SIZE = 1024


class DateLabels(Protocol):
    """What is known of one date."""

    def labels(self, part: Part) -> Codes:
        """Read classes, 255 where unknown."""

    def margins(self, part: Part) -> Codes | None:
        """Read margins in percent; None if there are none."""

    def bands(self, part: Part) -> Bands | None:
        """Read the scene, NaN where invalid; None if there is none."""


class PartChanges(NamedTuple):
    """Changes in a part, all of shape ``(H, W)``."""

    found: _Mask
    #: Class that went and class that came, of any value where nothing changed.
    went: Codes
    came: Codes


def parts_of(shape: tuple[int, int]) -> Iterator[Part]:
    """Divide a map into parts.

    Args:
        shape: Height and width of the map.

    Yields:
        Parts in reading order.
    """
    for row in range(0, shape[0], _SIZE):
        for col in range(0, shape[1], _SIZE):
            yield (
                slice(row, min(row + _SIZE, shape[0])),
                slice(col, min(col + _SIZE, shape[1])),
            )


class PartReader:
    """Compares a date with what held before it, part by part."""

    def __init__(
        self,
        dates: Sequence[DateLabels],
        number: int,
        shape: tuple[int, int],
        rules: ChangeRules,
    ) -> None:
        """Begin.

        Args:
            dates: Dates in order.
            number: Number of the date.
            shape: Height and width of the map.
            rules: What counts as a change.
        """
        self.dates = dates
        self.number = number
        self.shape = shape
        self.rules = rules
        self.sums: dict[int, SceneSums] = {}

    def compare(
        self, part: Part, classes: Codes, held: Codes, margin: Codes | None
    ) -> PartChanges:
        """Find what changes in a part, whatever its area.

        Args:
            part: The part.
            classes: Classes that hold in the whole map, 255 where unknown.
            held: Number of the last date at which they were seen.
            margin: Their margins, if they are known.

        Returns:
            The changes.
        """
        halo = halo_of(self.rules)
        wide = self._widen(part, halo + REACH)
        inner = _inside(part, wide)
        old, new, found = self._candidates(wide, classes, margin)
        changes = PartChanges(found[inner], old[inner], new[inner])
        wide = self._widen(part, halo + EVIDENCE_HALO)
        after = self.dates[self.number].bands(wide) if found.any() else None
        if after is None:
            return changes
        inner = _inside(part, wide)
        old, new, tried = self._candidates(wide, classes, margin)
        differences, known = self._differences(wide, after, classes, tried, held)
        labelled = (old != UNKNOWN) & (new != UNKNOWN)
        found = confirm(tried, differences, known & labelled)
        found = draw_outlines(found, differences, known & labelled) & labelled
        went, came = _fill(found, tried, old, new)
        return PartChanges(found[inner], went[inner], came[inner])

    def _candidates(
        self, part: Part, classes: Codes, margin: Codes | None
    ) -> tuple[Codes, Codes, _Mask]:
        """Classes before and after, and what may have changed by the maps alone."""
        date, sure = self.dates[self.number], None
        old, new = classes[part], date.labels(part)
        if margin is not None:
            margins = date.margins(part)
            assert margins is not None
            sure = joint_confidence(margin[part], margins)
        return old, new, find_candidates(old, new, sure, self.rules)

    def _differences(
        self, part: Part, after: Bands, classes: Codes, tried: _Mask, held: Codes
    ) -> tuple[Floats, _Mask]:
        """What the scenes say, and where they say it.

        A change is measured from the date at which the class before was last seen, so
        that one that is slow is seen in the end.
        """
        differences = np.zeros(after.shape, np.float32)
        known = np.zeros(tried.shape, bool)
        same = classes[part] == self.dates[self.number].labels(part)
        same &= classes[part] != UNKNOWN
        for number in np.unique(held[part][tried]).tolist():
            before = self.dates[number].bands(part)
            assert before is not None
            whole = partial(self._sum, number, classes)
            values, there = stand_out(before, after, same, whole)
            # Pixels that do not change have no date of their own.
            here = (held[part] == number) | ~tried
            differences = np.where(here, values, differences)
            known = np.where(here, there, known)
        return differences, known

    def _sum(self, number: int, classes: Codes) -> SceneSums:
        """Sum up what has not changed since a date."""
        if number not in self.sums:
            self.sums[number] = SceneSums()
            for part in parts_of(self.shape):
                before, after = (
                    self.dates[i].bands(part) for i in (number, self.number)
                )
                assert before is not None
                assert after is not None
                same = classes[part] == self.dates[self.number].labels(part)
                same &= classes[part] != UNKNOWN
                self.sums[number].add(before, after, same)
        return self.sums[number]

    def _widen(self, part: Part, halo: int) -> Part:
        rows, cols = (
            slice(max(s.start - halo, 0), min(s.stop + halo, n))
            for s, n in zip(part, self.shape, strict=True)
        )
        return rows, cols


def _inside(part: Part, wide: Part) -> Part:
    rows, cols = (
        slice(s.start - w.start, s.stop - w.start)
        for s, w in zip(part, wide, strict=True)
    )
    return rows, cols


def _fill(found: _Mask, tried: _Mask, old: Codes, new: Codes) -> tuple[Codes, Codes]:
    """Classes that went and came, of the nearest change where both are the same."""
    alike = found & (old == new)
    seeds = found & tried
    if not alike.any() or not seeds.any():
        return old, new
    rows, cols = distance_transform_edt(
        ~seeds, return_distances=False, return_indices=True
    )
    went, came = old.copy(), new.copy()
    went[alike], came[alike] = old[rows, cols][alike], new[rows, cols][alike]
    return went, came
