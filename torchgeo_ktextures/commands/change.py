# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The command that compares maps of several dates."""

from collections.abc import Sequence
from typing import Literal


def change(
    maps: Sequence[str],
    output: str,
    *,
    table: str | None = None,
    report: str | None = None,
    image: str | None = None,
    confidence: str | None = None,
    min_confidence: float = 25,
    tolerance: int = 1,
    min_area: str | None = None,
    date: Literal['first', 'last'] = 'last',
    align: bool = False,
) -> None:
    """Find what has changed between label maps of two or more dates.

    Writes a map of change, from which class to which, and prints how much of each class
    became which. A difference is no change where a class is only shifted, where the
    dates are in doubt of their classes, or where it is smaller than the minimum area.
    With three or more maps, the date of the change and the number of changes are
    written as well. All dates are treated alike: the other order gives the same changes
    the other way round.

    Args:
        maps: Label maps of one legend, the oldest first, or a folder of them in the
            order of their names. Segment the scenes together, with --confidence, so
            that they are. Maps on another grid than the first are warped to it.
        output: Map to write, a Cloud Optimized GeoTIFF with colours, an attribute
            table, and a style for QGIS. The confidence, the date and the number of
            changes go beside it.
        table: CSV file for the transitions in hectares and percent. Gains and losses of
            the classes go beside it, to a file that ends in _classes.csv.
        report: HTML page to write, with both maps, the change, the transitions as a
            matrix and as a diagram.
        image: Scenes that the maps are of, in the order of the maps: give it once for
            each. With them, only changes count that stand out from what is around them
            in the scenes, whatever the light, and they have the outlines of the scenes.
            The report shows the first and the last.
        confidence: Confidence of each map, as segment --confidence writes it, in the
            order of the maps with commas between (defaults to those beside the maps);
            'none' to do without.
        min_confidence: Lowest confidence of a change in percent, the product of how far
            ahead the class is at both dates, averaged over the change within 7 pixels.
        tolerance: Number of pixels by which the dates may be shifted against each
            other: a class that was there within this distance is not new.
        min_area: Smallest area of a change, such as 400m2, 0.5ha or 20px (defaults to
            16px, one cell of masks).
        date: Whether the date of the 'first' or of the 'last' change is written.
        align: Whether maps of other models than the first are brought to its legend, as
            the align command does; else they are refused.
    """
    from ..pipelines.change import ChangeOptions, find_changes
    from .options import parse_paths

    doubts = None if confidence is None else parse_paths(confidence)
    find_changes(
        ChangeOptions(
            maps=maps,
            output=output,
            table=table,
            report=report,
            images=parse_paths(image or ''),
            confidence=[] if doubts == ['none'] else doubts,
            min_confidence=min_confidence,
            tolerance=tolerance,
            min_area=min_area,
            date_of=date,
            align=align,
        )
    )
