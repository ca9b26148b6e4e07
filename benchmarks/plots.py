# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Plots of the benchmark."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import TABLEAU_COLORS
from matplotlib.figure import Figure

from .scores import SCORES
from .summary import by_seed, estimate, on_task

#: Ours stands out from its peers.
OURS, PEER = '#d62728', '#4c78a8'


def plot_scores(
    frame: pd.DataFrame, clusters: str, value: str, title: str, path: Path
) -> None:
    """Draw the score of each method on each task and on average.

    Args:
        frame: Table of results.
        clusters: Setting of the number of clusters.
        value: One of :data:`SCORES`.
        title: Title.
        path: File to write.
    """
    assert value in SCORES
    part = frame[frame['clusters'] == clusters]
    methods = part['method'].unique().tolist()
    tasks = sorted(part['set'].unique())
    height = 1 + 0.24 * len(methods)
    fig = Figure(figsize=(2.4 + 1.9 * (len(tasks) + 1), height), layout='constrained')
    axes = fig.subplots(1, len(tasks) + 1, sharey=True, squeeze=False)[0]
    places = np.arange(len(methods))
    colors = [OURS if m.startswith('ktextures') else PEER for m in methods]
    for ax, task in zip(axes, [*tasks, None], strict=True):
        if task is None:
            values = [by_seed(frame, m, clusters, value) for m in methods]
        else:
            values = [on_task(frame, m, clusters, task, value) for m in methods]
        found = [estimate(v.to_list()) for v in values]
        means = [e.mean for e in found]
        errors = np.nan_to_num([e.half_width for e in found])
        ax.barh(places, means, xerr=errors, color=colors, height=0.75)
        ax.set_title(task or 'mean', fontsize=9)
        ax.tick_params(labelsize=8)
        ax.set_xlim(left=0)
        ax.grid(axis='x', alpha=0.3)
    axes[0].set_yticks(places, methods)
    axes[0].invert_yaxis()
    fig.suptitle(title, fontsize=10)
    _save(fig, path)


def plot_costs(frame: pd.DataFrame, path: Path) -> None:
    """Draw the score of each method over its time.

    Args:
        frame: Table of results.
        path: File to write.
    """
    clusters = 'classes' if 'classes' in set(frame['clusters']) else '3x'
    value = 'miou' if clusters == 'classes' else 'majority_miou'
    fig = Figure(figsize=(9, 4.5), layout='constrained')
    ax = fig.subplots()
    markers = itertools.cycle('osD^v<>PX*')
    for method in frame['method'].unique():
        scores = by_seed(frame, method, clusters, value)
        if not len(scores):
            continue
        part = frame[(frame['method'] == method) & (frame['clusters'] == clusters)]
        seconds = part['wall_seconds'].mean()
        look: dict[str, Any] = {'marker': next(markers), 's': 40}
        if method.startswith('ktextures'):
            look |= {'color': OURS, 's': 90}
        ax.scatter(seconds, scores.mean(), label=method, **look)
    ax.set_xscale('log')
    ax.set_xlabel('seconds to fit and predict, mean over tasks')
    ax.set_ylabel(f'{value.replace("_", " ")}, mean over tasks')
    ax.grid(alpha=0.3)
    fig.legend(loc='outside right upper', fontsize=7)
    _save(fig, path)


def plot_clicks(frame: pd.DataFrame, path: Path) -> None:
    """Draw the score of each method over the number of clicks.

    Args:
        frame: Mean scores, with a row for each method and a column for each number.
        path: File to write.
    """
    fig = Figure(figsize=(8, 4), layout='constrained')
    ax = fig.subplots()
    markers = itertools.cycle('osD^v<>')
    others = itertools.cycle(c for c in TABLEAU_COLORS.values() if c != OURS)
    ours = [m for m in frame.index if m.startswith('ktextures')]
    for method in [*ours, *(m for m in frame.index if m not in ours)]:
        look: dict[str, Any] = {'marker': next(markers), 'markersize': 5}
        if method in ours:
            look |= {'color': OURS, 'linewidth': 2.2}
            look['linestyle'] = '-' if method == ours[-1] else '--'
        else:
            look['color'] = next(others)
        ax.plot(frame.columns, frame.loc[method], label=method, **look)
    ax.set_xscale('log')
    ax.set_xticks(list(frame.columns), [str(n) for n in frame.columns])
    ax.minorticks_off()
    ax.set_xlabel('labelled points')
    ax.set_ylabel('mIoU, mean over tasks')
    ax.grid(alpha=0.3)
    fig.legend(loc='outside right upper', fontsize=8)
    _save(fig, path)


def _save(fig: Figure, path: Path) -> None:
    part = path.with_suffix('.part')
    fig.savefig(part, dpi=120, format='png')
    part.rename(path)
