# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What label maps were made of, and whether they are as they were written."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from rasterio.io import DatasetReader
from rasterio.transform import Affine
from torch import nn

from .. import __version__
from ..datasets import MapGrid
from ..datasets.identity import digest_of
from ..maps.reading import CLASSES_TAG, count_labels, open_raster
from .statistics import read_summaries

#: Tag of a map that tells what it was made of.
ORIGIN_TAG = 'KTEXTURES_ORIGIN'

#: Description of the band of a label map.
CLASS_BAND = 'class'


def model_id(pl_module: nn.Module) -> str:
    """Tell a fitted model from others by its weights.

    Args:
        pl_module: Task.

    Returns:
        64 hexadecimal digits.
    """
    model = hashlib.sha256()
    for name, value in sorted(pl_module.state_dict().items()):
        model.update(name.encode())
        values = value.detach().cpu().contiguous().flatten()
        model.update(values.view(torch.uint8).numpy())
    return model.hexdigest()


def origin_of(model: str, grid: MapGrid) -> str | None:
    """Tell a map from others by what it is made of: model, rasters, how they are read.

    Args:
        model: What :func:`model_id` says of the model.
        grid: Grid of the map.

    Returns:
        64 hexadecimal digits, or None where it cannot be told whether a raster has
        changed.
    """
    parts = [model, __version__, grid.settings, str(grid.transform), str(grid.crs)]
    return digest_of(parts, grid.sources)


def read_tags(output: Path) -> Mapping[str, str]:
    """Read the tags of a map and its band.

    Args:
        output: Path of a map.

    Returns:
        Tags, none if there is no such map.
    """
    try:
        with open_raster(output) as src:
            return {**src.tags(), **src.tags(1)}
    except (OSError, ValueError):
        return {}


def tags_if_whole(output: Path, like: MapGrid | DatasetReader) -> Mapping[str, str]:
    """Read the tags of a map and its band, if it is as it was written.

    Args:
        output: Path of a map.
        like: Grid that it should have, or its open scene.

    Returns:
        Tags, none if there is no such map, it is not on the grid, or a pixel of it is
        not as its tags say.
    """
    tags = read_tags(output)
    if ORIGIN_TAG not in tags:
        return tags
    try:
        with open_raster(output) as src:
            if not _is_on(src, like):
                return {}
            counts = count_labels(src)
            if src.descriptions[0] == CLASS_BAND:
                told = [c.pixels for c in read_summaries(tags[CLASSES_TAG])[1]]
                found = counts[: len(told)].tolist()
                if found != told or counts.sum() != sum(told):
                    return {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return tags


def _is_on(src: DatasetReader, like: MapGrid | DatasetReader) -> bool:
    """Whether a map has the pixels of a grid."""
    transform = like.transform or Affine.identity()
    differences = np.subtract(src.transform[:6], transform[:6])
    pixel = max(map(abs, transform[:2] + transform[3:5]))
    return (
        src.shape == (like.height, like.width)
        and src.crs == like.crs
        and bool((np.abs(differences) <= pixel * 1e-6).all())
    )
