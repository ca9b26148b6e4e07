# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Synthetic quads and scenes in the formats of Planet."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.enums import ColorInterp
from rasterio.transform import Affine, from_bounds

HALF_WORLD = 20037508.342789244
QUAD_SIDE = 2 * HALF_WORLD / 2048
MONTHLY = 'planet_medres_normalized_analytic_2021-06_mosaic'
BIANNUAL = 'planet_medres_normalized_analytic_2016-06_2016-11_mosaic'
VISUAL = 'planet_medres_visual_2021-09_mosaic'
GLOBAL = 'global_monthly_2020_01_mosaic'
SCENE = '20210613_101234_56_2413_3B_AnalyticMS_SR'

#: Mean digital numbers of blue, green, red and NIR on the left and the right.
LEFT = (400, 700, 500, 3500)
RIGHT = (900, 1100, 1300, 1700)


def pixels(
    size: int, seed: int = 0, width: int | None = None, dtype: str = 'uint16'
) -> npt.NDArray[Any]:
    """Blue, green, red, NIR: smooth and green on the left, rough and bare right."""
    width = width or size
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(4, size, width)).astype(np.float32)
    right = np.arange(width) >= width // 2
    mean = np.where(right, np.reshape(RIGHT, (4, 1, 1)), np.reshape(LEFT, (4, 1, 1)))
    data = mean + noise * np.where(right, 120, 15)
    if dtype == 'uint8':
        return (data[[2, 1, 0]] / 16).clip(1, 255).astype('uint8')
    return data.clip(1, 10000).astype('uint16')


def write(path: Path, data: npt.NDArray[Any], **profile: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path,
        'w',
        driver='GTiff',
        count=len(data),
        height=data.shape[1],
        width=data.shape[2],
        dtype=data.dtype,
        **profile,
    ) as dst:
        dst.write(data)
        if data.dtype in ('uint8', 'uint16') and profile.get('photometric') != 'RGB':
            dst.colorinterp = [ColorInterp.undefined] * len(data)
    return path


def write_quad(
    folder: Path,
    x: int = 632,
    y: int = 1107,
    *,
    name: str = '{x}-{y}.tif',
    size: int = 128,
    product: str = 'analytic',
    alpha: bool = True,
    invalid: tuple[slice, slice] | None = None,
    seed: int = 0,
) -> Path:
    """Write a quad at its true place; *size* below 4096 means larger pixels."""
    if size == 4096:  # noise would take long
        ramp = np.arange(size, dtype=np.uint16)
        data = np.stack([ramp[:, None] + ramp % 997 + 9 * i for i in (1, 2, 3, 4)])
    else:
        data = pixels(size, seed, dtype='uint8' if product == 'visual' else 'uint16')
    if invalid is not None:
        data[:, invalid[0], invalid[1]] = 0
    if alpha:
        full = data.dtype.type(np.iinfo(data.dtype).max)
        data = np.concatenate([data, (data > 0).any(0, keepdims=True) * full])
    left, bottom = x * QUAD_SIDE - HALF_WORLD, y * QUAD_SIDE - HALF_WORLD
    block = min(512, size)
    return write(
        folder / name.format(x=x, y=y),
        data,
        crs='EPSG:3857',
        transform=from_bounds(
            left, bottom, left + QUAD_SIDE, bottom + QUAD_SIDE, size, size
        ),
        tiled=block % 16 == 0,
        **({'blockxsize': block, 'blockysize': block} if block % 16 == 0 else {}),
        compress='lzw',
        interleave='pixel',
    )


def write_planet_scene(
    folder: Path,
    name: str = f'{SCENE}.tif',
    *,
    bands: int = 4,
    height: int = 90,
    width: int = 120,
    origin: tuple[float, float] = (614_625.0, 4_175_412.0),
    epsg: int = 32610,
    seed: int = 0,
) -> Path:
    """Write a scene with slanted black borders."""
    data = pixels(height, seed, width)
    if bands == 8:
        blue, green, red, nir = data
        mixed = (green // 2 + red // 2, red // 2 + nir // 2)
        data = np.stack(
            [blue - 1, blue, green - 1, green, mixed[0], red, mixed[1], nir]
        )
    data[:, black_fill(height, width)] = 0
    return write(
        folder / name,
        data,
        crs=f'EPSG:{epsg}',
        transform=Affine(3, 0, origin[0], 0, -3, origin[1]),
        nodata=0,
        compress='lzw',
        interleave='pixel',
    )


def black_fill(height: int, width: int) -> npt.NDArray[np.bool_]:
    rows, cols = np.mgrid[:height, :width]
    fill: npt.NDArray[np.bool_] = cols < (height - rows) // 8
    return fill


def udm2_classes(height: int, width: int) -> npt.NDArray[np.int64]:
    """Classes 0 to 5 in columns: clear, snow, shadow, light haze, heavy haze, cloud."""
    columns = (np.arange(width) * 6 // width)[None]
    return np.repeat(columns, height, 0)


def write_udm2(
    folder: Path,
    name: str,
    *,
    height: int = 90,
    width: int = 120,
    origin: tuple[float, float] = (614_625.0, 4_175_412.0),
    epsg: int = 32610,
    version: str = '2.0',
) -> Path:
    """Write a UDM2; in version 2.1 all haze is light haze."""
    classes = udm2_classes(height, width)
    if version == '2.1':
        classes = np.where(classes == 4, 3, classes)
    fill = black_fill(height, width)
    data = np.zeros((8, height, width), np.uint8)
    for i in range(6):
        data[i] = (classes == i) & ~fill
    data[6] = np.where(fill, 0, 95)
    data[7] = np.where(fill, 1, 0)
    return write(
        folder / name,
        data,
        crs=f'EPSG:{epsg}',
        transform=Affine(3, 0, origin[0], 0, -3, origin[1]),
        compress='lzw',
    )
