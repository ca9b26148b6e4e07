# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import numpy as np
import pytest
from pyproj import Geod, Transformer
from rasterio.crs import CRS
from rasterio.transform import Affine, from_origin

from torchgeo_ktextures.maps import class_areas_ha, pixel_area_ha

GRIDS = {
    'geographic': ('EPSG:4326', from_origin(-34.9, -8.0, 0.0003, 0.0003)),
    'coarse geographic': ('EPSG:4326', from_origin(-180, 90, 0.5, 0.5)),
    'mercator': ('EPSG:3857', from_origin(1_500_000, 8_400_000, 4.777, 4.777)),
    'utm': ('EPSG:31985', from_origin(288_776, 9_120_760, 28.5, 28.5)),
    'rotated': ('EPSG:32633', Affine(10, 3, 500_000, 3, -10, 5_000_000)),
    'feet': ('EPSG:2264', from_origin(1_500_000, 600_000, 10, 10)),
    'north pole': ('EPSG:3413', from_origin(-200, 200, 100, 100)),
    'antimeridian': ('EPSG:32601', from_origin(166_000, 100_000, 1000, 1000)),
}


@pytest.mark.parametrize('name', GRIDS)
def test_agrees_with_geodesics(name: str) -> None:
    crs, transform = GRIDS[name]
    rows, cols = np.array([0, 5, 120])[:, None], np.array([0, 7, 200])
    area = pixel_area_ha(CRS.from_string(crs), transform, rows, cols)
    assert area is not None
    assert area.shape == (3, 3)
    to_lonlat = Transformer.from_crs(crs, 'EPSG:4326', always_xy=True)
    for i, row in enumerate(rows[:, 0]):
        for j, col in enumerate(cols):
            # Edges in steps: parallels are no geodesics.
            s = np.linspace(0, 1, 50)
            right = col + np.concatenate([s, s * 0 + 1, 1 - s, s * 0])
            down = row + np.concatenate([s * 0, s, s * 0 + 1, 1 - s])
            x, y = transform @ (right, down)
            lon, lat = to_lonlat.transform(x, y)
            expected = abs(Geod(ellps='WGS84').polygon_area_perimeter(lon, lat)[0])
            assert area[i, j] == pytest.approx(expected / 10_000, rel=1e-4)


def test_web_mercator_is_not_taken_at_its_word() -> None:
    transform = from_origin(0, 8_400_000, 100, 100)  # 60 degrees north
    area = pixel_area_ha('EPSG:3857', transform, 0, 0)
    assert area == pytest.approx(0.25, rel=0.02)


def test_areas_of_classes() -> None:
    labels = np.array([[0, 0, 255], [1, 0, 1]], np.uint8)
    areas = class_areas_ha(labels, 'EPSG:31985', from_origin(5e5, 9e6, 100, 100), 3, 4)
    assert areas is not None
    assert areas.shape == (256,)
    # At the central meridian, UTM makes areas 0.08 % smaller.
    assert areas[:2] == pytest.approx([3 / 0.9996**2, 2 / 0.9996**2], rel=1e-4)
    assert areas[2:255].sum() == 0


def test_without_georeference() -> None:
    assert pixel_area_ha(None, Affine.identity(), [0], [0]) is None
    assert class_areas_ha(np.zeros((2, 2), int), None, Affine.identity()) is None
    local = CRS.from_wkt(
        'LOCAL_CS["site",UNIT["metre",1],AXIS["x",EAST],AXIS["y",NORTH]]'
    )
    assert pixel_area_ha(local, Affine.identity(), [0], [0]) is None
