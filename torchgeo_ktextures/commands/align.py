# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The command that gives the classes of a map the numbers of those of another."""

from typing import Literal


def align(
    reference: str,
    labels: str,
    output: str,
    *,
    by: Literal['overlap', 'spectra'] | None = None,
) -> None:
    """Give the classes of a map the numbers, colours and names of those of another.

    For maps that were fitted one by one: in such, the same number means different
    classes. Classes without partner get new numbers. Scenes that are segmented
    together, or by one checkpoint, need none of this.

    Args:
        reference: Map whose classes stay.
        labels: Map whose classes are renumbered.
        output: Map to write, a Cloud Optimized GeoTIFF with colours.
        by: Whether classes are the same that are in the same places ('overlap'), or
            that have like 'spectra' (defaults to overlap, if the maps overlap).
    """
    from os.path import expanduser
    from pathlib import Path

    from ..change.align import align_map
    from ..maps.sidecars import sidecar_paths

    target = Path(expanduser(output))
    first, second = (Path(expanduser(path)) for path in (reference, labels))
    found = align_map(first, second, target, by)
    total = max(sum(c.pixels for c in found.classes), 1)
    unit = 'in common' if found.by == 'overlap' else 'distance'
    print(f'Compared by {found.by}.\n\n  old   new {unit:>10}   share  name')
    for c in found.classes:
        score = 'new class'
        if c.score is not None:
            score = f'{c.score:.0%}' if found.by == 'overlap' else f'{c.score:.2f}'
        share = f'{c.pixels / total:7.1%}'
        print(f'{c.old:5} {c.new:5} {score:>10} {share}  {c.name}')
    print('\nWritten:', target, *sidecar_paths(target), sep='\n  ')
