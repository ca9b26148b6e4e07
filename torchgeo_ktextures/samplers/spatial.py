# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Spatial samplers of TorchGeo that are divided among processes."""

from abc import abstractmethod
from collections.abc import Iterator

from torchgeo.datasets.utils import GeoSlice
from torchgeo.samplers import SpatialSampler, SpatioTemporalSampler, TemporalSampler

from .sharding import ShardedSampler, rank_and_world_size


class PixelSampler(SpatialSampler, ShardedSampler):
    """Spatial sampler that composes with temporal ones without losing its share."""

    @abstractmethod
    def iter_times(self, temporal: TemporalSampler) -> Iterator[GeoSlice]:
        """Iterate over locations and times, the share of this process.

        Args:
            temporal: Temporal sampler of the same dataset.

        Yields:
            [xmin:xmax, ymin:ymax, tmin:tmax] coordinates to index a dataset.
        """

    def __matmul__(self, other: TemporalSampler) -> SpatioTemporalSampler:
        """Compute the product of two samplers.

        Args:
            other: A temporal sampling strategy.

        Returns:
            A single spatial and temporal sampler.
        """
        return ShardedSpatioTemporalSampler(self, other)


class ShardedSpatioTemporalSampler(SpatioTemporalSampler, ShardedSampler):
    """Product of one of our spatial samplers and a temporal one."""

    spatial_sampler: PixelSampler

    def __init__(self, spatial: PixelSampler, temporal: TemporalSampler) -> None:
        """Initialize a new ShardedSpatioTemporalSampler instance.

        Args:
            spatial: A spatial sampling strategy.
            temporal: A temporal sampling strategy.
        """
        super().__init__(spatial, temporal)
        self._lengths: dict[tuple[int, int], int] = {}

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch.

        Args:
            epoch: Number of the epoch.
        """
        self.spatial_sampler.set_epoch(epoch)

    def __len__(self) -> int:
        """Return the number of items in the share of this process."""
        strategies = self.spatial_sampler.strategy, self.temporal_sampler.strategy
        if strategies == ('random', 'random'):
            return len(self.spatial_sampler)
        share = rank_and_world_size()
        if share not in self._lengths:
            epoch = self.spatial_sampler.epoch
            self._lengths[share] = sum(1 for _ in self)
            self.spatial_sampler.epoch = epoch
        return self._lengths[share]

    def __iter__(self) -> Iterator[GeoSlice]:  # type: ignore[override]
        """Iterate over the share of this process.

        Yields:
            [xmin:xmax, ymin:ymax, tmin:tmax] coordinates to index a dataset.
        """
        yield from self.spatial_sampler.iter_times(self.temporal_sampler)
