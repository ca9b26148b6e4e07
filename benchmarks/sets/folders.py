# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Labelled sets as folders with a ``dataset.yaml``.

dataset.yaml       name, bands, scale (digital numbers are divided by it),
ignore_index, tasks: {task: {masks: FOLDER, classes: [names]}}
images/NAME.tif    bands in the order of dataset.yaml
masks*/NAME.png    class codes
"""

import warnings
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import yaml
from rasterio.errors import NotGeoreferencedWarning

from .task import Image, Task


def folder_tasks(root: Path, datasets: Collection[str] | None = None) -> Iterator[Task]:
    """Read the labelled sets below a folder.

    Args:
        root: Folder of the sets.
        datasets: Names of the sets' folders to read, or None for all.

    Yields:
        The tasks; those of one set share their images.

    Raises:
        FileNotFoundError: If there is no set, or an image has no labels.
    """
    paths = sorted(root.glob('*/dataset.yaml'))
    if not paths:
        msg = f'{root} has no folder with a dataset.yaml, give the folder of the sets'
        raise FileNotFoundError(msg)
    for path in paths:
        if datasets is None or path.parent.name in datasets:
            yield from _read(path)


def _read(path: Path) -> Iterator[Task]:
    info: dict[str, Any] = yaml.safe_load(path.read_text())
    files = sorted((path.parent / 'images').glob('*.tif'))
    if not files:
        raise FileNotFoundError(f'{path.parent / "images"} has no *.tif')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        images = [_read_image(file, info['scale']) for file in files]
        for name, task in info['tasks'].items():
            masks = []
            for file in files:
                mask = path.parent / task['masks'] / f'{file.stem}.png'
                if not mask.exists():
                    msg = f'{mask} is missing: every image needs its labels'
                    raise FileNotFoundError(msg)
                with rasterio.open(mask) as src:
                    masks.append(src.read(1).astype(np.int64))
            yield Task(
                path.parent.name,
                name,
                images,
                masks,
                tuple(task['classes']),
                info['ignore_index'],
            )


def _read_image(file: Path, scale: float) -> Image:
    with rasterio.open(file) as src:
        image: Image = src.read().astype(np.float32) / np.float32(scale)
        if src.nodata is not None and not np.isnan(src.nodata):
            image[:, src.dataset_mask() == 0] = np.nan
    return image
