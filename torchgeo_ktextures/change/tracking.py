# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The class of each pixel through several dates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from rasterio.features import sieve

from .comparison import Codes, joint_confidence
from .part_changes import DateLabels, Part, PartChanges, PartReader, parts_of
from .rules import UNKNOWN, ChangeRules


@dataclass
class Tracks:
    """What became of each pixel; all arrays are of shape ``(H, W)``."""

    #: Class before the first change and after the last one, 255 where unknown.
    start: Codes
    end: Codes
    #: Class at the first and the last date that is known, without any rule.
    first: Codes
    last: Codes
    #: Number of changes, and of dates that are known.
    count: Codes
    seen: Codes
    #: Number of the date of the change that is asked for, 0 without a change.
    date: Codes
    #: Number of the last date at which the class that holds was seen.
    held: Codes
    #: Confidence in percent of the last change or, without one, of the last comparison,
    #: 255 where unknown; None without margins.
    sure: Codes | None
    #: Margin of the class that holds.
    margin: Codes | None
    #: Pixels that are known at each date, those of them that have a class before it, and
    #: those that changed.
    known: list[int] = field(init=False, default_factory=list)
    compared: list[int] = field(init=False, default_factory=list)
    changed: list[int] = field(init=False, default_factory=list)

    def shares(self) -> list[float]:
        """Share of what is known that changed at each date, from the second on."""
        pairs = list(zip(self.changed, self.compared, strict=True))[1:]
        return [changed / compared if compared else 0.0 for changed, compared in pairs]


def track_changes(
    dates: Sequence[DateLabels],
    shape: tuple[int, int],
    rules: ChangeRules,
    make: Callable[[int], Codes],
    *,
    has_margins: bool,
    date_of: str = 'last',
) -> Tracks:
    """Follow the class of each pixel from date to date.

    A class holds until a change is found, so that what is missing or doubtful at a date
    neither is a change nor hides a later one. A doubtful class gives way to one that is
    surer.

    Args:
        dates: Dates in order.
        shape: Height and width.
        rules: What counts as a change.
        make: What makes an array of that shape, filled with a value.
        has_margins: Whether all dates have margins.
        date_of: Whether the date of the 'first' or of the 'last' change is kept.

    Returns:
        What became of each pixel.
    """
    classes = {name: make(UNKNOWN) for name in ('start', 'end', 'first', 'last')}
    numbers = {name: make(0) for name in ('count', 'seen', 'date', 'held')}
    tracks = Tracks(
        **classes,
        **numbers,
        sure=make(UNKNOWN) if has_margins else None,
        margin=make(0) if has_margins else None,
    )
    # A change is a 1; what went and what came is kept as its outline may be drawn anew.
    found, went, came = make(0), make(UNKNOWN), make(UNKNOWN)
    kept = make(0) if rules.min_pixels > 1 else found
    for number, date in enumerate(dates):
        if number:
            reader = PartReader(dates, number, shape, rules)
            for part in parts_of(shape):
                changes = reader.compare(part, tracks.end, tracks.held, tracks.margin)
                found[part] = changes.found
                went[part], came[part] = changes.went, changes.came
            if rules.min_pixels > 1:
                sieve(found, rules.min_pixels, out=kept, connectivity=4)
        totals = np.zeros(3, np.int64)
        for part in parts_of(shape):
            changed = (found[part] == 1) & (kept[part] == 1)
            here = PartChanges(changed, went[part], came[part])
            totals += _update(tracks, date, part, here, number, rules, date_of)
        for counts, total in zip(
            (tracks.known, tracks.compared, tracks.changed),
            totals.tolist(),
            strict=True,
        ):
            counts.append(total)
    return tracks


def _update(
    tracks: Tracks,
    date: DateLabels,
    part: Part,
    changes: PartChanges,
    number: int,
    rules: ChangeRules,
    date_of: str,
) -> tuple[int, int, int]:
    """Go on to a date; returns the pixels known, compared and changed."""
    new, changed = date.labels(part), changes.found
    held, count = tracks.end[part], tracks.count[part]
    known, begun = new != UNKNOWN, held != UNKNOWN
    fresh, unchanged = known & ~begun, count + changed == 0
    takes: npt.NDArray[np.bool_] = fresh
    if tracks.margin is not None and tracks.sure is not None:
        margin, before = date.margins(part), tracks.margin[part]
        assert margin is not None
        sure = joint_confidence(before, margin)
        doubtful = known & begun & ~changed & (sure < rules.min_confidence)
        takes = fresh | (doubtful & (new != held) & (margin > before))
        same = known & (new == held)
        before = np.where(takes | changed, margin, before)
        tracks.margin[part] = np.where(same, np.maximum(before, margin), before)
        decides = known & begun & (changed | unchanged)
        tracks.sure[part] = np.where(decides, sure, tracks.sure[part])
    begins = np.where(changed, changes.went, np.where(takes, new, tracks.start[part]))
    tracks.start[part] = np.where(count == 0, begins, tracks.start[part])
    tracks.end[part] = np.where(changed, changes.came, np.where(takes, new, held))
    tracks.held[part] = np.where(
        known & (new == tracks.end[part]), number, tracks.held[part]
    )
    tracks.first[part] = np.where(fresh, new, tracks.first[part])
    tracks.last[part] = np.where(known, new, tracks.last[part])
    dated = changed if date_of == 'last' else changed & (count == 0)
    tracks.date[part] = np.where(dated, number, tracks.date[part])
    tracks.count[part] = count + changed
    tracks.seen[part] += known
    return int(known.sum()), int((known & begun).sum()), int(changed.sum())
