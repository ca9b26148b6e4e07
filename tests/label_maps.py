# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Tiny label maps."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.transform import Affine

from torchgeo_ktextures.colors import class_colors

from .rasters import write_raster

UTM: dict[str, Any] = {
    'crs': 'EPSG:32633',
    'transform': Affine(10, 0, 500_003.3, 0, -10, 5_000_001.7),
}


def regions(
    height: int = 96, width: int = 112, classes: int = 4, seed: int = 0
) -> npt.NDArray[np.uint8]:
    """Regions of classes around random centres, with specks and nodata in a corner."""
    rng = np.random.default_rng(seed)
    centres = rng.random((3 * classes, 2)) * (height, width)
    rows, cols = np.mgrid[:height, :width]
    places = np.stack([rows, cols], -1)[:, :, None]
    nearest = ((places - centres) ** 2).sum(-1).argmin(-1)
    labels = (nearest % classes).astype(np.uint8)
    specks = rng.random((height, width)) < 0.03
    labels[specks] = rng.integers(0, classes, specks.sum())
    labels[:9, :13] = 255
    return labels


def write_labels(
    path: Path, labels: npt.NDArray[Any], classes: int = 4, **profile: Any
) -> Path:
    write_raster(path, labels[None], **({'nodata': 255} | UTM | profile))
    if classes:
        with rasterio.open(path, 'r+') as dst:
            dst.write_colormap(1, class_colors(classes))
    return path


def bands_of(labels: npt.NDArray[Any], seed: int = 0) -> npt.NDArray[np.uint16]:
    """A scene in which classes have colours of their own."""
    rng = np.random.default_rng(seed)
    means = rng.integers(1000, 3000, (4, 256))
    noise = rng.normal(0, 20, (4, *labels.shape))
    data = (means[:, labels] + noise).astype(np.uint16)
    data[:, labels == 255] = 0
    return data
