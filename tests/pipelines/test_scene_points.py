# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from shapely import Point

from torchgeo_ktextures.datasets import RasterWindows
from torchgeo_ktextures.pipelines.scene_points import ScenePoints, read_scene_points

from ..rasters import TRANSFORM, scene_pixels, write_raster, write_scene

type Places = Sequence[tuple[float, float, str | None]]


def points(path: Path, places: Places, crs: str = 'EPSG:4326') -> Path:
    """Points at rows and columns of the first scene."""
    xy = [TRANSFORM @ (col + 0.5, row + 0.5) for row, col, _ in places]
    names = [name for *_, name in places]
    frame = gpd.GeoDataFrame(
        {'class': names}, geometry=[Point(*p) for p in xy], crs='EPSG:3857'
    )
    frame.to_crs(crs).to_file(path)
    return path


@pytest.fixture
def two(tmp_path: Path) -> RasterWindows:
    """A scene with nodata in a corner, and one that goes on at its right."""
    first = write_scene(tmp_path / 'a.tif')
    right = TRANSFORM * Affine.translation(91, 0)
    names = ('red', 'green', 'blue', 'nir')
    second = write_raster(
        tmp_path / 'b.tif', scene_pixels(seed=1), transform=right, names=names
    )
    return RasterWindows([str(first), str(second)])


def test_points_of_several_scenes(two: RasterWindows, tmp_path: Path) -> None:
    places = [(20, 30, 'smooth'), (30, 95, 'rough'), (40, 120, 'rough')]
    lost = [(5, 5, 'smooth'), (500, 5, 'smooth'), (6, 6, None)]
    found = read_scene_points(points(tmp_path / 'p.gpkg', [*places, *lost]), two)
    # What is in both is taken from the first.
    assert found.points.tolist() == [[0, 20, 30], [0, 30, 95], [1, 40, 29]]
    assert found.classes == ['smooth', 'rough', 'rough']
    assert found.counts() == {'rough': 2, 'smooth': 1}
    assert found.left_out == [
        '2 of 6 points are not in the scene: 1 outside of it, 1 where it has no data',
        '1 of 6 points has no name',
    ]


def test_scenes_that_fail_take_their_points_along() -> None:
    table = np.array([[0, 1, 2], [1, 3, 4], [2, 5, 6], [2, 7, 8]])
    found = ScenePoints(table, ['a', 'b', 'a', 'b'])
    left = found.within(['x', 'y', 'z'], ['z', 'x'])
    assert left.points.tolist() == [[1, 1, 2], [0, 5, 6], [0, 7, 8]]
    assert left.classes == ['a', 'a', 'b']
    with pytest.raises(ValueError, match='have points of less than two classes'):
        found.within(['x', 'y', 'z'], ['x'])


@pytest.mark.parametrize(
    ('places', 'message'),
    [
        ([(20, 30, None), (21, 30, None)], 'none of the 2 points of .* has a name'),
        ([(20, 30, 'a'), (21, 30, 'a')], "all 2 points .* of one class, 'a'; give"),
        ([(20, 30, 'a'), (400, 30, 'b')], "all 1 points .* of one class, 'a'"),
        ([(900, 30, 'a'), (400, 30, 'b')], 'none of the 2 named .* use points within'),
        ([(2, 3, 'a'), (4, 5, 'b')], 'where they are it has no data'),
        ([(20, 30, 'a'), (21, 30, 'A')], "names 'A' and 'a' differ only in case"),
    ],
)
def test_points_that_cannot_be_used(
    two: RasterWindows, tmp_path: Path, places: Places, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        read_scene_points(points(tmp_path / 'p.gpkg', places), two)


def test_scene_without_georeference(tmp_path: Path) -> None:
    path = write_scene(tmp_path / 'a.tif', crs=None, transform=None)
    file = points(tmp_path / 'p.gpkg', [(20, 30, 'a'), (21, 80, 'b')])
    data = RasterWindows(str(path))
    with pytest.raises(ValueError, match='no georeference, so points have no place'):
        read_scene_points(file, data)


def test_styles_of_qgis_are_no_layer_of_points(
    two: RasterWindows, tmp_path: Path
) -> None:
    from torchgeo_ktextures.maps.places import Places as Pixels
    from torchgeo_ktextures.maps.places import as_frame, write_places

    with rasterio.open(two.files[0]) as src:
        frame = as_frame(Pixels(np.array([20, 30]), np.array([30, 80])), src)
    frame['class'] = ['a', 'b']
    write_places(tmp_path / 'p.gpkg', frame, ['a', 'b'])
    found = read_scene_points(tmp_path / 'p.gpkg', two)
    assert found.points.tolist() == [[0, 20, 30], [0, 30, 80]]
