# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Means over seeds, intervals, and averages over tasks."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t

from .results import COLUMNS, Row
from .scores import SCORES

#: Columns that are numbers.
COSTS = ('wall_seconds', 'cpu_seconds', 'peak_memory_mib')


class Estimate(NamedTuple):
    """Mean over seeds."""

    mean: float
    """Mean, NaN if there is no value."""

    half_width: float
    """Half the width of the 95 % interval, NaN if there is one seed only."""

    def __str__(self) -> str:
        """Mean and interval with three digits."""
        if math.isnan(self.mean):
            return ''
        if math.isnan(self.half_width):
            return f'{self.mean:.3f}'
        return f'{self.mean:.3f} ± {self.half_width:.3f}'


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and 95 % interval by Student's t distribution.

    Args:
        values: Value of each seed.

    Returns:
        The estimate.
    """
    count = len(values)
    if not count:
        return Estimate(math.nan, math.nan)
    mean = float(np.mean(values))
    if count == 1:
        return Estimate(mean, math.nan)
    error = float(np.std(values, ddof=1)) / math.sqrt(count)
    return Estimate(mean, float(t.ppf(0.975, count - 1)) * error)


def table(rows: Sequence[Row]) -> pd.DataFrame:
    """Make a table of rows, of each result the one written last.

    Args:
        rows: Rows of the CSV file.

    Returns:
        Rows with numbers; column 'set' names set and task.

    Raises:
        ValueError: If there are no rows, or results of a task are of different data.
    """
    if not rows:
        raise ValueError('there are no results, run python -m benchmarks.run first')
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    for name in (*SCORES, *COSTS, 'k', 'seed'):
        frame[name] = pd.to_numeric(frame[name])
    frame['set'] = frame['dataset'] + '/' + frame['task']
    same = ['method', 'set', 'clusters', 'seed']
    frame = frame.drop_duplicates(same, keep='last')
    for name, hashes in frame.groupby('set')['data_hash']:
        if hashes.nunique() > 1:
            msg = f'results of {name} are of different data: '
            msg += ', '.join(hashes.unique()) + '; delete the rows of the older one'
            raise ValueError(msg)
    return frame


def by_seed(frame: pd.DataFrame, method: str, clusters: str, value: str) -> pd.Series:
    """Average a value over tasks, for each seed that all tasks have.

    Args:
        frame: Table of results.
        method: Name of the method.
        clusters: Setting of the number of clusters.
        value: Column.

    Returns:
        Averages by seed; none if the method lacks a task that others have.
    """
    part = frame[frame['clusters'] == clusters]
    tasks = part['set'].nunique()
    part = part[part['method'] == method]
    grid = part.pivot_table(index='seed', columns='set', values=value)
    return grid.dropna().mean(axis=1) if grid.shape[1] == tasks else grid[:0].mean(1)


def on_task(
    frame: pd.DataFrame, method: str, clusters: str, task: str, value: str
) -> pd.Series:
    """Value of each seed on one task."""
    part = frame[
        (frame['method'] == method)
        & (frame['clusters'] == clusters)
        & (frame['set'] == task)
    ]
    return part.set_index('seed')[value]


def ratios(
    frame: pd.DataFrame, method: str, base: str, clusters: str, value: str
) -> dict[str, float]:
    """Ratio of the means of two methods on each task that both have."""
    found = {}
    for task in sorted(frame['set'].unique()):
        one, two = (
            on_task(frame, name, clusters, task, value) for name in (method, base)
        )
        seeds = one.index.intersection(two.index)
        if len(seeds) and two[seeds].mean() > 0:
            found[task] = float(one[seeds].mean() / two[seeds].mean())
    return found
