# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Tiny labelled sets."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
import yaml

CLASSES = ('field', 'forest', 'water')


def labelled_image(
    seed: int, size: int = 48, bands: int = 4
) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint8]]:
    """Bands of three classes that differ in colour, and the classes."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((size, size), np.uint8)
    mask[size // 2 :] = 1
    mask[:, size // 2 :] += 1
    colors = 500 + 1000 * np.arange(3)[mask]
    image = colors + rng.normal(0, 120, (bands, size, size))
    return image.astype(np.uint16), mask


def write_set(root: Path, name: str = 'tiny', count: int = 2, bands: int = 4) -> Path:
    """Write a set in the layout of the benchmark, two tasks of 3 and 2 classes."""
    folder = root / name
    for part in ('images', 'masks', 'masks_water'):
        (folder / part).mkdir(parents=True)
    for i in range(count):
        image, mask = labelled_image(i, bands=bands)
        mask[0, :5] = 255
        water = np.where(mask == 255, 255, mask == 2).astype(np.uint8)
        for path, data in (
            (f'images/{i}.tif', image),
            (f'masks/{i}.png', mask[None]),
            (f'masks_water/{i}.png', water[None]),
        ):
            with rasterio.open(
                folder / path,
                'w',
                driver='PNG' if path.endswith('png') else 'GTiff',
                count=len(data),
                height=data.shape[1],
                width=data.shape[2],
                dtype=data.dtype,
            ) as dst:
                dst.write(data)
    info = {
        'name': name,
        'bands': ['red', 'green', 'blue', 'nir'][:bands],
        'scale': 10000,
        'ignore_index': 255,
        'tasks': {
            'cover': {'masks': 'masks', 'classes': list(CLASSES)},
            'water': {'masks': 'masks_water', 'classes': ['other', 'water']},
        },
    }
    (folder / 'dataset.yaml').write_text(yaml.safe_dump(info))
    return folder
