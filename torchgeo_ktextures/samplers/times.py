# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Times at a location."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from torchgeo.samplers import (
    RandomTimestampSampler,
    SequentialTimestampSampler,
    TemporalSampler,
)

Location = tuple[slice, slice]
Item = tuple[slice, slice, slice]


def times_of(
    temporal: TemporalSampler, res: tuple[float, float]
) -> Callable[[Location], Iterator[Item]]:
    """Make a function that finds the times of a temporal sampler at a location.

    That of TorchGeo's timestamp samplers is answered from arrays, which hardly depends
    on the number of files, and leaves out files that only touch the location.

    Args:
        temporal: Temporal sampler.
        res: Width and height of a pixel.

    Returns:
        Function of a location that yields items of location and time.
    """
    if type(temporal) not in (RandomTimestampSampler, SequentialTimestampSampler):
        return temporal._iter_subset
    left, bottom, right, top = temporal.index.bounds.to_numpy().T
    intervals = sorted(pd.unique(temporal.index.index))
    numbers = {interval: i for i, interval in enumerate(intervals)}
    codes = np.array([numbers[interval] for interval in temporal.index.index])
    dx, dy = res[0] / 2, res[1] / 2

    def times(location: Location) -> Iterator[Item]:
        x, y = location
        here = (left < x.stop - dx) & (right > x.start + dx)
        here &= (bottom < y.stop - dy) & (top > y.start + dy)
        found = np.unique(codes[here])
        if isinstance(temporal, RandomTimestampSampler):
            temporal.generator.shuffle(found)
        for code in found:
            yield x, y, slice(intervals[code].left, intervals[code].right)

    return times
