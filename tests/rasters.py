# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.transform import Affine

#: Not a round number anywhere, as on the Planet grid.
TRANSFORM = Affine(4.777314267158508, 0, 12523442.714, 0, -4.777314267158508, 1252344.3)


def scene_pixels(
    height: int = 75, width: int = 101, bands: int = 4, seed: int = 0
) -> npt.NDArray[np.float32]:
    """Left half smooth and dark, right half rough and bright, with a gradient."""
    rng = np.random.default_rng(seed)
    data = rng.normal(1000, 30, (bands, height, width))
    data[:, :, width // 2 :] = rng.normal(2000, 400, (bands, height, width))[
        :, :, width // 2 :
    ]
    data += np.linspace(0, 50, height)[:, None]
    return data.clip(1).astype(np.float32)


def labels_of(path: Path) -> npt.NDArray[np.integer]:
    """The labels of a map."""
    with rasterio.open(path) as src:
        labels: npt.NDArray[np.integer] = src.read(1)
    return labels


def write_raster(path: Path, data: npt.NDArray[Any], **profile: Any) -> Path:
    names = profile.pop('names', None)
    profile = {'crs': 'EPSG:3857', 'transform': TRANSFORM} | profile
    with rasterio.open(
        path,
        'w',
        driver='GTiff',
        count=data.shape[0],
        height=data.shape[1],
        width=data.shape[2],
        dtype=data.dtype,
        **profile,
    ) as dst:
        dst.write(data)
        if names:
            dst.descriptions = names
    return path


def write_scene(path: Path, **profile: Any) -> Path:
    data = scene_pixels().astype(np.uint16)
    data[:, :10, :20] = 0
    names = ('red', 'green', 'blue', 'nir')
    return write_raster(path, data, **({'nodata': 0, 'names': names} | profile))
