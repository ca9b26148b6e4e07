# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Dividing what a sampler yields among processes."""

from typing import Any

import torch.distributed
from torch.utils.data import DistributedSampler


def rank_and_world_size() -> tuple[int, int]:
    """Number of this process and number of processes."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


class ShardedSampler(DistributedSampler[Any]):
    """Sampler that knows which part of an epoch is for this process.

    Being a DistributedSampler tells Lightning not to divide it a second time, and to
    call ``set_epoch``. Nothing else of it is used: it would repeat items to make shares
    even.
    """

    #: Number of the epoch. It counts up by itself where nobody sets it.
    epoch = 0
