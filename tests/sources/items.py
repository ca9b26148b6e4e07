# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Tiny items of catalogs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.transform import Affine

from ..four_regions import four_regions
from ..rasters import write_raster

#: Grids of 10 and of 20 metres with one corner.
FINE = Affine(10, 0, 300_000, 0, -10, 6_000_000)
COARSE = Affine(20, 0, 300_000, 0, -20, 6_000_000)

GEOTIFF = 'image/tiff; application=geotiff; profile=cloud-optimized'
COMMON = {'B02': 'blue', 'B03': 'green', 'B04': 'red', 'B08': 'nir', 'B11': 'swir16'}


def asset(href: str, name: str, **tags: Any) -> dict[str, Any]:
    """An asset of one band, as of STAC 1.0."""
    return {
        'href': href,
        'type': GEOTIFF,
        'roles': ['data'],
        'eo:bands': [{'name': name, 'common_name': COMMON[name]}],
        'raster:bands': [{'nodata': 0, 'scale': 0.0001, 'offset': -0.1} | tags],
    }


def item(name: str, assets: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An item."""
    return {
        'type': 'Feature',
        'stac_version': '1.0.0',
        'id': name,
        'geometry': {
            'type': 'Polygon',
            'coordinates': [[[11, 53], [13, 53], [13, 55], [11, 55], [11, 53]]],
        },
        'bbox': [11, 53, 13, 55],
        'properties': {'datetime': '2024-06-01T00:00:00Z'} | more,
        'links': [],
        'assets': assets,
    }


def clouds() -> npt.NDArray[np.uint8]:
    """Classes of a scene: bare soil, with each class somewhere."""
    classes = np.full((1, 48, 48), 5, np.uint8)
    classes[0, 0, :12] = range(12)
    return classes


def write_item(folder: Path, name: str, seed: int = 0, **more: Any) -> dict[str, Any]:
    """Write the rasters of an item as of Sentinel-2, of 96 x 96 pixels."""
    (folder / name).mkdir()
    bands, _ = four_regions(seed=seed)
    numbers = dict(zip(('B04', 'B03', 'B02', 'B08'), bands, strict=True))
    place = {'crs': 'EPSG:32633', 'transform': FINE, 'nodata': 0}
    for key, band in numbers.items():
        data = (band * 10_000 + 1000).astype(np.uint16)[None]
        write_raster(folder / name / f'{key}.tif', data, **place)
    place['transform'] = COARSE
    swir = np.arange(1, 48 * 48 + 1, dtype=np.uint16).reshape(1, 48, 48)
    write_raster(folder / name / 'B11.tif', swir, **place)
    write_raster(folder / name / 'SCL.tif', clouds(), **(place | {'nodata': None}))
    assets: dict[str, Any] = {k: asset(f'./{name}/{k}.tif', k) for k in COMMON}
    assets['SCL'] = {'href': f'./{name}/SCL.tif', 'type': GEOTIFF, 'roles': ['data']}
    assets['visual'] = {
        'href': f'./{name}/none.tif',
        'type': GEOTIFF,
        'roles': ['data'],
        'eo:bands': [
            {'name': k, 'common_name': COMMON[k]} for k in ('B04', 'B03', 'B02')
        ],
    }
    assets['thumbnail'] = {
        'href': 'a.jpg',
        'type': 'image/jpeg',
        'roles': ['thumbnail'],
    }
    return item(name, assets, **more)


def write_items(path: Path, *items: dict[str, Any], **more: Any) -> Path:
    """Write a collection of items."""
    content = {'type': 'FeatureCollection', 'features': items} | more
    path.write_text(json.dumps(content))
    return path
