# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""One fit in a process of its own, with its time and memory."""

import multiprocessing
import os
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import NamedTuple

from .memory import peak_memory, reset_peak_memory
from .methods.method import Method
from .sets import Image, Labels

#: What processes have imported before they start: imports are no method's time.
PRELOAD = [
    'benchmarks.cell',
    'benchmarks.methods.registry',
    'torchgeo_ktextures.callbacks',
    'torchgeo_ktextures.datamodules',
    'torchgeo_ktextures.tasks',
]


class Cell(NamedTuple):
    """Result of a fit."""

    maps: list[Labels]
    """Clusters of shape (H, W), -1 where invalid."""

    wall_seconds: float
    """Time to fit and to predict."""

    cpu_seconds: float
    """The same of all threads and processes together."""

    peak_memory: float
    """MiB needed in addition to imports and images."""


class CellError(RuntimeError):
    """A method failed; its traceback was printed."""


def run_cell(
    method: Method, images: Sequence[Image], n_clusters: int, seed: int
) -> Cell:
    """Fit a method in a process of its own.

    Args:
        method: The method.
        images: Bands of shape ``(C, H, W)``, NaN where invalid.
        n_clusters: Number of clusters.
        seed: Seed.

    Returns:
        Maps, time and memory.

    Raises:
        CellError: If the method failed or its process was killed.
    """
    # A server that has imported everything, but never computed, is safe to fork.
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(PRELOAD)
    receive, send = context.Pipe(duplex=False)
    arguments = (method, list(images), n_clusters, seed, send)
    process = context.Process(target=_work, args=arguments)
    process.start()
    send.close()
    try:
        cell: Cell | None = receive.recv()
    except EOFError:
        cell = None
    receive.close()
    process.join()
    if cell is None:
        msg = f'its process ended with exit code {process.exitcode} and no result: see '
        msg += 'the traceback above (-9: killed, most likely out of memory)'
        raise CellError(msg)
    return cell


def _work(
    method: Method, images: list[Image], n_clusters: int, seed: int, pipe: Connection
) -> None:
    before = reset_peak_memory()
    cpu, wall = _cpu_seconds(), time.perf_counter()
    maps = method.fit_predict(images, n_clusters, seed)
    wall, cpu = time.perf_counter() - wall, _cpu_seconds() - cpu
    pipe.send(Cell(maps, wall, cpu, (peak_memory() - before) / 1024))


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
