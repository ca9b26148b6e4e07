# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Warnings about scenes unlike those that a model was fitted to."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from ..datasets import MapGrid, MapSource
from ..errors import DataWarning
from ..maps.area import ground_sample_distance
from ..models import BandNormalizer
from .statistics import ClassStatistics, pooled_moments

#: How far the mean of a band may be from that of the training pixels, in their standard
#: deviations, and how many times as large or small the deviation may be.
_SHIFT, _RATIO = 3.0, 5.0

#: Power of ten by which most bands differ that are in other units.
_POWER = 1.5

#: Share of a map in one class that is nearly all of it.
_NEARLY_ALL = 0.95

#: How many times as large or small the pixels may be.
_GSD_RATIO = 1.5


def check_range(
    pl_module: nn.Module,
    source: MapSource,
    grid: MapGrid,
    statistics: ClassStatistics,
) -> None:
    """Warn if a scene is unlike those that a model was fitted to.

    Args:
        pl_module: Task, of which the model has the statistics of its training.
        source: Data module of the scene.
        grid: Grid of the map.
        statistics: Statistics of the finished map.

    Warns:
        DataWarning: If bands, pixel size or shares of classes are far off.
    """
    trained = getattr(source, 'trained_on', None)
    normalizer = getattr(getattr(pl_module, 'model', None), 'normalizer', None)
    if trained is None or normalizer is None:
        return
    line = compare_bands(normalizer, source, statistics, grid.bands)
    kind = trained.get('dtype')
    if line and kind is not None:
        line += f' (it was fitted to {kind} with scale {trained.get("scale", 1):g})'
    lines = [line] if line else []
    lines += _gsd(grid, trained) + _shares(statistics, trained)
    for line in lines:
        warnings.warn(f'{grid.name}: {line}', DataWarning, stacklevel=2)


def compare_bands(
    normalizer: BandNormalizer,
    source: MapSource,
    statistics: ClassStatistics,
    bands: Sequence[str],
) -> str | None:
    """Compare the bands of a scene with those of the training pixels.

    Args:
        normalizer: What a model knows of the training pixels.
        source: Data module of the scene.
        statistics: Statistics of the labelled scene.
        bands: Names of the bands.

    Returns:
        What is far off, with numbers and a remedy, or None.
    """
    here = pooled_moments(statistics.classes())
    if here is None or getattr(source, 'normalize', 'none') != 'none':
        return None
    if getattr(getattr(source, 'radiometry', None), 'adapted', None) is not None:
        return None
    mean, spread = here
    moments = torch.stack([normalizer.mean, normalizer.std]).cpu().double()
    moments[1] += moments[0]
    usual, upper = source.restore(moments[..., None, None])[..., 0, 0].numpy()
    std = upper - usual
    scale: float = getattr(source, 'scale', 1)
    shift = abs(mean - usual) / std
    ratio = np.maximum(spread, 1e-12) / std
    factors = mean / np.where(usual == 0, np.nan, usual)
    logs = np.log10(np.abs(factors) + 1e-12)
    power = float(np.nanmedian(logs)) if np.isfinite(logs).any() else 0.0
    other_units = abs(power) > _POWER
    if not (shift > _SHIFT).any() and not (ratio > _RATIO).any() and not other_units:
        return None
    worst = int(np.argmax(np.maximum(shift / _SHIFT, ratio / _RATIO)))
    name = bands[worst] if worst < len(bands) else f'band {worst + 1}'
    text = (
        f'the scene lies outside the range that the model was fitted to: {name} has '
        f'mean {mean[worst]:.4g} and standard deviation {spread[worst]:.4g}, the '
        f'training pixels {usual[worst]:.4g} and {std[worst]:.4g}; '
    )
    if other_units:
        there = scale * 10.0 ** round(power)
        return f'{text}are they in other units? scale={there:g} would bring them near'
    return text + "use normalize='scene', adapt the model, or fit one to such scenes"


def _gsd(grid: MapGrid, trained: dict[str, Any]) -> list[str]:
    before = trained.get('gsd')
    here = ground_sample_distance(grid.crs, grid.transform, grid.height, grid.width)
    if here is None or not isinstance(before, float):
        return []
    if 1 / _GSD_RATIO < here / before < _GSD_RATIO:
        return []
    msg = f'pixels are {here:.3g} m wide, those that the model was fitted to '
    msg += (
        f'{before:.3g} m: classes are textures of another scale; resample the scene, '
    )
    return [msg + 'or fit again']


def _shares(statistics: ClassStatistics, trained: dict[str, Any]) -> list[str]:
    counts = statistics.rows.sum(0)
    total = int(counts.sum())
    if not total or len(counts) < 2 or counts.max() <= _NEARLY_ALL * total:
        return []
    largest, share = int(counts.argmax()), float(counts.max()) / total
    before = trained.get('shares')
    known = ''
    if isinstance(before, list) and len(before) == len(counts):
        if before[largest] > 0.8 * share:
            return []
        known = f', but {before[largest]:.1%} of the training pixels'
    msg = f'{share:.1%} of the map is class {largest}{known}; '
    return [msg + 'look at the map before you use it']
