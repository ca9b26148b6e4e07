# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Scores of variants of a method, each computed once and kept in a CSV file."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from .methods.method import Method
from .results import Row, append_row, read_rows
from .run import CLUSTERS
from .scores import score
from .sets import Task

#: The score that counts for each number of clusters, keys of :data:`CLUSTERS`.
MAIN_SCORES = {'classes': 'miou', '3x': 'majority_miou'}

#: What tells a trial from others, and how to score it.
type Trial = tuple[tuple[str, ...], Callable[[], float]]


def main_score(task: Task, method: Method, clusters: str, seed: int) -> float:
    """Fit a method on a task, and score its maps.

    Args:
        task: Images and labels.
        method: Method.
        clusters: Key of :data:`MAIN_SCORES`.
        seed: Seed of the method.

    Returns:
        The score that counts.
    """
    k = CLUSTERS[clusters] * task.num_classes
    maps = method.fit_predict(list(task.images), k, seed)
    return score(task, maps, k)[MAIN_SCORES[clusters]]


def run_trials(path: Path, fields: Sequence[str], trials: Iterable[Trial]) -> list[Row]:
    """Run what a file does not have yet, and append it row by row.

    Args:
        path: CSV file, made if there is none.
        fields: Names of what tells a trial from others; the score is added.
        trials: Trials, of which the same may come again.

    Returns:
        All rows of the file.
    """
    columns = (*fields, 'score')
    rows = read_rows(path, columns)
    done = {tuple(row[name] for name in fields) for row in rows}
    for key, run in trials:
        if key in done:
            continue
        done.add(key)
        row = dict(zip(columns, (*key, f'{run():.6f}'), strict=True))
        append_row(path, row, columns)
        rows.append(row)
        print(*row.values(), flush=True)
    return rows
