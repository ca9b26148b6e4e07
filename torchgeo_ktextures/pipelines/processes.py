# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Prediction of many scenes by several processes."""

import multiprocessing
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from tqdm import tqdm

from ..checkpoints import save_checkpoint
from ..errors import DataWarning
from ..segmenter import Segmenter
from .failures import Failures
from .manifest import Manifest
from .segment_options import Options
from .segment_steps import MapWriter, predict

#: Shares of the scenes for each process: some scenes take longer than others.
_SHARES = 8


class _Share(NamedTuple):
    """What a process made of some scenes."""

    scenes: list[str]
    made: list[str]
    reasons: dict[str, str]
    warned: list[str]


def predict_in_processes(
    segmenter: Segmenter,
    scenes: list[str],
    options: Options,
    writer: MapWriter,
    failures: Failures,
) -> list[str]:
    """Write the maps of all scenes that can be read, several at a time.

    Args:
        segmenter: Fitted estimator.
        scenes: Rasters.
        options: What is asked for, of which ``jobs`` is the number of processes.
        writer: What would write the maps here, of which tags and manifest are taken.
        failures: What collects scenes that cannot be read.

    Returns:
        Scenes that could be read.

    Raises:
        OSError: If nothing can be read, or a map cannot be written.
    """
    jobs = min(options.jobs, len(scenes))
    threads = max(1, torch.get_num_threads() // jobs)
    length = -(-len(scenes) // (jobs * _SHARES))
    parts = [scenes[i : i + length] for i in range(0, len(scenes), length)]
    alone = replace(options, jobs=1, progress=False)
    path = writer.manifest.path if writer.manifest is not None else None
    read: set[str] = set()
    with (
        tempfile.TemporaryDirectory() as folder,
        _pool(jobs) as pool,
        tqdm(
            total=len(scenes),
            desc='Predicting',
            unit='scene',
            disable=not (options.progress and sys.stdout.isatty()),
            file=sys.stdout,
        ) as bar,
    ):
        model = Path(folder) / 'model.ckpt'
        save_checkpoint(segmenter, model)
        futures = {
            pool.submit(
                _predict_share,
                model,
                part,
                alone,
                writer.tags,
                path,
                threads,
                failures.skip,
            ): part
            for part in parts
        }
        for future in as_completed(futures):
            share = future.result()
            read.update(share.scenes)
            writer.made += share.made
            failures.reasons |= share.reasons
            for text in share.warned:
                warnings.warn(text, DataWarning, stacklevel=2)
            bar.update(len(futures[future]))
    if not read:
        raise OSError(next(iter(failures.reasons.values())))
    return [scene for scene in scenes if scene in read]


@contextmanager
def _pool(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that stop at the first error."""
    # Forks of a process with threads may wait for each other for ever.
    context = multiprocessing.get_context('spawn')
    pool = ProcessPoolExecutor(jobs, context)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@cache
def _load(model: Path, device: str) -> Segmenter:
    segmenter = Segmenter.load(model)
    segmenter.set_params(device=device, verbose=False)
    return segmenter


def _predict_share(
    model: Path,
    scenes: list[str],
    options: Options,
    tags: Mapping[str, str],
    manifest: Path | None,
    threads: int,
    skip: bool,
) -> _Share:
    """Predict some of the scenes, in a process of its own."""
    torch.set_num_threads(threads)
    writer = MapWriter(Path(options.output), False, options.confidence)
    writer.tags = tags
    writer.manifest = None if manifest is None else Manifest(manifest)
    failures = Failures(skip, len(scenes), least=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('ignore')
        warnings.simplefilter('always', DataWarning)
        segmenter = _load(model, options.device)
        left = predict(segmenter, scenes, options, writer, failures)
    texts = dict.fromkeys(str(warning.message) for warning in caught)
    return _Share(left, writer.made, failures.reasons, list(texts))
