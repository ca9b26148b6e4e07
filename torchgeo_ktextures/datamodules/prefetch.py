# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Reading ahead while a network computes."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from torch.utils.data import DataLoader

from ..datasets.sample import Sample


class PrefetchLoader(DataLoader[Sample]):
    """DataLoader that, without workers, reads the next batches in a thread.

    Reading and decompression leave the interpreter free, so that a thread is enough,
    and needs neither the memory nor the start-up time of a process.
    """

    #: Number of batches read ahead.
    depth = 1

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """Iterate over the batches.

        Yields:
            Batches in the order of the sampler.
        """
        batches = super().__iter__()
        if self.num_workers:
            yield from batches
            return
        with ThreadPoolExecutor(1, 'reader') as reader:
            ahead = deque(reader.submit(next, batches, None) for _ in range(self.depth))
            try:
                while (batch := ahead.popleft().result()) is not None:
                    ahead.append(reader.submit(next, batches, None))
                    yield batch
            finally:
                for future in ahead:
                    future.cancel()
