# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Prediction in threads, one tile each."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch

#: Tiles that are computed, or wait to be taken, besides one for each thread.
_AHEAD = 1


class OneProcess:
    """What callbacks ask of a trainer, where this process predicts alone."""

    world_size = 1
    global_rank = 0
    is_global_zero = True

    def __init__(self, datamodule: Any, callbacks: list[Any]) -> None:
        """Initialize a new OneProcess instance.

        Args:
            datamodule: Data module of the prediction.
            callbacks: Callbacks that take predictions.
        """
        self.datamodule = datamodule
        self.callbacks = callbacks

    @property
    def strategy(self) -> 'OneProcess':
        """How processes talk to each other: there is one."""
        return self

    def broadcast[T](self, value: T) -> T:
        """Tell all processes.

        Args:
            value: What the first process tells.

        Returns:
            The same.
        """
        return value

    def barrier(self) -> None:
        """Wait for all processes."""


def in_threads[T, R](
    compute: Callable[[T], R], items: Iterable[T], device: torch.device
) -> Iterator[tuple[T, R]]:
    """Compute several items at once, each in a thread of its own.

    On a CPU, a thread for each tile keeps all cores busy; several threads that share
    the convolutions of one tile wait for each other.

    Args:
        compute: Function of an item.
        items: Items, each asked for when a thread is free.
        device: Where tensors are.

    Yields:
        Items and results, in the order of the items.
    """
    count = torch.get_num_threads() if device.type == 'cpu' else 1
    waiting: deque[tuple[T, Future[R]]] = deque()

    def begin() -> None:
        if device.type == 'cpu':
            torch.set_num_threads(1)  # of this thread

    with ThreadPoolExecutor(count, 'tile', begin) as pool:
        try:
            for item in items:
                waiting.append((item, pool.submit(compute, item)))
                if len(waiting) >= count + _AHEAD:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            for _, future in waiting:
                future.cancel()
            if device.type == 'cpu':
                # Some libraries have one number for all threads.
                torch.set_num_threads(count)
