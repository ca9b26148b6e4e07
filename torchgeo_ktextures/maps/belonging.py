# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Whether a legend and a map belong together."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rasterio.io import DatasetReader

from .legend import ClassEntry, Legend
from .reading import MODEL_TAG


def check_legend_of(
    src: DatasetReader, counts: npt.NDArray[np.int64], legend: Legend
) -> None:
    """Check that a legend is not that of another map.

    Numbers of clusters mean the same in all maps of one model. Where the legend or the
    map does not tell its model, the pixels of the clusters tell: as many as in the map
    or, in a legend of several maps, not fewer. Legends without either pass.

    Args:
        src: Open map.
        counts: Number of pixels by code.
        legend: Legend, as it was read.

    Raises:
        ValueError: If it is.
    """
    model = src.tags().get(MODEL_TAG)
    if model and legend.model:
        if model == legend.model:
            return
        reason = f'it is of model {legend.model} and the map of {model}'
    else:
        several = len(legend.maps) > 1
        different = [
            index
            for index, pixels in legend.counts.items()
            if index < len(counts)
            and (counts[index] > pixels if several else counts[index] != pixels)
        ]
        if not different:
            return
        first = different[0]
        reason = f'cluster {first} has {legend.counts[first]} pixels in the legend and '
        reason += f'{counts[first]} in the map'
    owner = 'another map'
    if legend.maps:
        folders = {str((legend.path.parent / name).parent) for name in legend.maps}
        owner = ', '.join(Path(name).name for name in legend.maps)
        owner += f' in {", ".join(sorted(folders))}'
    msg = f'the legend {legend.path} belongs to {owner}, not to {src.name} ({reason}); '
    msg += 'use the one that segment wrote beside this map or, if its names are right '
    msg += 'for this map all the same, remove the lines maps, model and pixels from it'
    raise ValueError(msg)


def check_same_model(one: DatasetReader, two: DatasetReader) -> None:
    """Check that the same number means the same class in two maps.

    Args:
        one: Open map.
        two: Open map.

    Raises:
        ValueError: If they tell that they are of different models.
    """
    models = [src.tags().get(MODEL_TAG) for src in (one, two)]
    if models[0] == models[1]:
        return
    told = ' and '.join(model or 'one that it does not tell' for model in models)
    msg = f'{one.name} and {two.name} are of different models ({told}), so that the '
    msg += 'same number means different classes; bring them to one legend with '
    msg += f'torchgeo-ktextures align {one.name} {two.name} --output ALIGNED.tif, or '
    raise ValueError(msg + 'segment both scenes together')


def check_clusters(
    src: DatasetReader, found: Sequence[int], entries: Sequence[ClassEntry]
) -> None:
    """Check that a legend and a map have the same clusters.

    Clusters that a map has in its colour table may be absent from its pixels.

    Args:
        src: Open map.
        found: Clusters in its pixels.
        entries: Legend.

    Raises:
        ValueError: If they do not.
    """
    listed = {entry.index for entry in entries}
    missing = [i for i in found if i not in listed]
    if missing:
        msg = f'{src.name} has cluster {missing[0]}, which has no entry in the classes '
        msg += 'file; add one (name: null drops the cluster), or use the file that '
        raise ValueError(msg + 'belongs to the map')
    try:
        table = src.colormap(1)
    except ValueError:  # none
        table = {}
    known = {code for code, color in table.items() if any(color[:3])} | set(found)
    unknown = sorted(listed - known)
    if unknown:
        msg = f'cluster {unknown[0]} of the classes file is not in {src.name}, which '
        msg += f'has {", ".join(map(str, sorted(known)[:20]))}; remove the entry, or '
        raise ValueError(msg + 'use the file that belongs to the map')
