# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Pictures of dates and of what has changed, for a page."""

import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader

from ..change.map_changes import ChangeMaps
from ..maps.html_page import image_address
from ..maps.on_grid import on_grid
from ..maps.reading import class_names, damage_named, map_colors, nodata_of, open_raster
from ..maps.scenes import open_scene

#: Largest height and width of a picture, in pixels.
_SIZE = 700

#: Percentiles of a scene that are black and white.
_STRETCH = (1, 99)

type _Picture = npt.NDArray[np.float64]


def change_pictures(
    maps: Sequence[Path], found: ChangeMaps, images: Sequence[Path]
) -> dict[str, str]:
    """Draw the first and the last date, and what has changed.

    Args:
        maps: Label maps in the order of their dates.
        found: What was found.
        images: Scenes of the first and the last map, or none.

    Returns:
        Pictures as data addresses, by their titles.

    Raises:
        OSError: If a raster cannot be read.
        ValueError: If a scene is not of the place of the maps.
    """
    dates = found.dates[0], found.dates[-1]
    pictures = {}
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        like = stack.enter_context(open_raster(found.files['change']))
        factor = max(max(like.shape) / _SIZE, 1)
        shape = round(like.height / factor) or 1, round(like.width / factor) or 1
        for date, image in zip(dates, images, strict=False):
            src = stack.enter_context(open_raster(image, 'image'))
            picture = _scene(src, like, shape)
            pictures[f'Scene, {date}'] = image_address(picture, 'jpeg')
        for date, path in zip(dates, (maps[0], maps[-1]), strict=True):
            src = stack.enter_context(open_raster(path))
            drawn = stack.enter_context(on_grid(src, like))
            pictures[f'Classes, {date}'] = image_address(_map(src, drawn, shape))
        titles = {
            'change': f'Change from {dates[0]} to {dates[1]}',
            'date': 'Date of the change',
            'count': 'Number of changes',
        }
        for kind, title in titles.items():
            if kind in found.files:
                src = stack.enter_context(open_raster(found.files[kind]))
                pictures[title] = image_address(_map(src, src, shape))
        if 'confidence' in found.files:
            src = stack.enter_context(open_raster(found.files['confidence']))
            with damage_named(src):
                values = src.read(1, out_shape=shape, masked=True)
            grey = np.ma.filled(values / 100.0, 1)
            title = 'Confidence of both dates, 0 (black) to 100 %'
            pictures[title] = image_address(np.repeat(grey[..., None], 3, 2))
    return pictures


def _map(src: DatasetReader, drawn: Any, shape: tuple[int, int]) -> _Picture:
    """A map in its colours, white where it has no class."""
    with damage_named(src):
        labels = drawn.read(1, out_shape=shape)
    table = np.ones((int(np.iinfo(labels.dtype).max) + 1, 3))
    codes = [i for i in range(len(class_names(src))) if i != nodata_of(src)]
    table[codes] = np.array(map_colors(src, codes)).reshape(-1, 3) / 255
    picture: _Picture = table[labels]
    return picture


def _scene(src: DatasetReader, like: DatasetReader, shape: tuple[int, int]) -> _Picture:
    """The first three bands of a scene on the grid of a map, white where invalid."""
    bands = list(open_scene(src, None).indexes[:3])
    with on_grid(src, like, is_scene=True) as drawn, damage_named(src):
        read = drawn.read(bands, out_shape=(len(bands), *shape), masked=True)
    values = np.ma.filled(read.astype(np.float64), np.nan)
    values[~np.isfinite(values)] = np.nan
    valid = ~np.isnan(values).any(0)
    if not valid.any():
        msg = f'{src.name} has no valid pixel where the maps are; give the scene of '
        raise ValueError(f'{msg}the map as --image')
    low, high = np.percentile(values[:, valid], _STRETCH, axis=1)[..., None, None]
    shown = ((values - low) / np.maximum(high - low, 1e-9)).clip(0, 1)
    shown = np.broadcast_to(shown, (3, *shape)) if len(bands) < 3 else shown
    picture: _Picture = np.where(valid[..., None], np.moveaxis(shown, 0, -1), 1)
    return picture
