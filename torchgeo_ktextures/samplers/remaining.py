# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What is left of the tiles of a sampler."""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from torchgeo.datasets.utils import GeoSlice
from torchgeo.samplers import GeoSampler

from .sharding import ShardedSampler


class RemainingTiles(GeoSampler):
    """Yields those tiles of another sampler that are still needed.

    Which these are is found out when they are first asked for.
    """

    def __init__(
        self, sampler: Any, choose: Callable[[list[GeoSlice]], list[GeoSlice]]
    ) -> None:
        """Initialize a new RemainingTiles instance.

        Args:
            sampler: Sampler of the tiles.
            choose: Finds the tiles that are needed among those that it yields.
        """
        self.sampler = sampler
        self.choose = choose

    @cached_property
    def rest(self) -> list[GeoSlice]:
        """Tiles that are needed."""
        return self.choose(list(self.sampler))

    def __bool__(self) -> bool:
        """Whether this is a sampler, even if nothing is left."""
        return True

    def __len__(self) -> int:
        """Return the number of tiles that are needed."""
        return len(self.rest)

    def __iter__(self) -> Iterator[GeoSlice]:
        """Iterate over the tiles that are needed.

        Yields:
            [xmin:xmax, ymin:ymax, tmin:tmax] coordinates to index a dataset.
        """
        yield from self.rest


class ShardedRemainingTiles(RemainingTiles, ShardedSampler):
    """What is left of the share of a process."""


def remaining_tiles(
    sampler: Any, choose: Callable[[list[GeoSlice]], list[GeoSlice]]
) -> RemainingTiles:
    """Leave out tiles of a sampler.

    Args:
        sampler: Sampler of the tiles.
        choose: Finds the tiles that are needed among those that it yields.

    Returns:
        Sampler of the others, of the share of a process if the first one is.
    """
    sharded = isinstance(sampler, ShardedSampler)
    return (ShardedRemainingTiles if sharded else RemainingTiles)(sampler, choose)
