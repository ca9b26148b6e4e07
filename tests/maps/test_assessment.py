# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from shapely import Point

from torchgeo_ktextures.maps import ClassEntry, relabel_map
from torchgeo_ktextures.maps.assessment import Assessment, assess_map
from torchgeo_ktextures.maps.check_sample import allocate, draw_check_sample

from ..label_maps import UTM, write_labels

#: Three classes in stripes of 10, 20 and 30 columns, and nodata in the last ten.
STRIPES = np.repeat(np.array([0, 1, 2, 255], np.uint8), [10, 20, 30, 10])[None].repeat(
    40, 0
)


@pytest.fixture(scope='module')
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A map of forest, water and town."""
    folder = tmp_path_factory.mktemp('map')
    path = write_labels(folder / 'labels.tif', STRIPES, classes=3)
    names = ('forest', 'water', 'town')
    entries = [ClassEntry(i, (i, 2, 3), name=name) for i, name in enumerate(names)]
    relabel_map(path, entries, folder / 'named.tif')
    return folder / 'named.tif'


def points(path: Path, places: list[tuple[int, int, Any]], **columns: Any) -> Path:
    """Points at rows and columns of the map."""
    xy = [UTM['transform'] @ (col + 0.5, row + 0.5) for row, col, _ in places]
    frame = gpd.GeoDataFrame(
        {'class': [name for *_, name in places]} | columns,
        geometry=[Point(*p) for p in xy],
        crs=UTM['crs'],
    )
    frame.to_file(path)
    return path


def assessed(labels: Path, folder: Path, *places: Any, **columns: Any) -> Assessment:
    return assess_map(labels, points(folder / 'check.gpkg', [*places], **columns))


def test_classes_of_the_map_are_strata(labels: Path, tmp_path: Path) -> None:
    found = assessed(
        labels,
        tmp_path,
        *[(1, 2, 'FOREST'), (2, 3, 'FOREST'), (3, 4, 'water'), (4, 5, 'FOREST')],
        *[(1, 15, 'water'), (2, 16, 'water'), (3, 45, 'town'), (4, 46, 'town')],
        *[(5, 65, 'town'), (500, 2, 'town'), (6, 7, None)],
    )
    assert found.names == ['forest', 'water', 'town']
    # A pixel is 0.01 ha on the grid, and a little less on the ground.
    np.testing.assert_allclose(found.mapped_areas, [4, 8, 12], rtol=2e-3)
    assert found.accuracy.counts.tolist() == [[3, 1, 0], [0, 2, 0], [0, 0, 2]]
    np.testing.assert_allclose(found.accuracy.areas.value, [3, 9, 12], rtol=2e-3)
    assert not found.own_strata
    assert found.notes == [
        '2 of 11 points are not on the map: 1 outside of it, 1 where it has no class',
        '1 of 11 points has no name',
    ]


def test_codes_and_classes_that_the_map_has_not(labels: Path, tmp_path: Path) -> None:
    places = [(1, 2, 0), (2, 3, 0), (1, 15, 1), (2, 16, 7), (3, 45, 2), (4, 46, 2)]
    found = assessed(labels, tmp_path, *places)
    assert found.names == ['forest', 'water', 'town', '7']
    assert found.mapped_areas[3] == 0
    np.testing.assert_allclose(found.accuracy.areas.value[3], 4, rtol=2e-3)
    assert found.notes == ["the map has no '7', 1 of the points have"]
    with pytest.raises(ValueError, match=r'none of the classes of .* \(a\) is one of'):
        assessed(labels, tmp_path, (1, 2, 'a'))


def test_too_few_points(labels: Path, tmp_path: Path) -> None:
    found = assessed(
        labels, tmp_path, (1, 2, 'forest'), (2, 3, 'town'), (1, 15, 'water')
    )
    single, none = found.notes
    assert single == (
        "stratum 'water' (33.3% of the area) has one point: intervals that depend on it "
        'cannot be estimated'
    )
    assert none == (
        "stratum 'town' (50.0% of the area) has no point: nothing is known of it, and "
        'all estimates leave it out'
    )
    assert found.accuracy.unknown_area == pytest.approx(12, rel=2e-3)


def test_strata_of_the_points(labels: Path, tmp_path: Path) -> None:
    """Points that were drawn by another map count by the areas of its classes."""
    places: list[tuple[int, int, Any]] = [
        *[(1, 2, 'forest'), (1, 15, 'water'), (2, 3, 'forest'), (3, 45, 'town')]
    ]
    strata: dict[str, list[Any]] = {
        'stratum': [0, 0, 1, 1],
        'stratum_ha': [6.0, 6.0, 18.0, 18.0],
    }
    found = assessed(labels, tmp_path, *places, **strata)
    assert found.own_strata
    np.testing.assert_allclose(found.accuracy.areas.value, [3 + 9, 3, 9])
    # A row without a class tells of a stratum.
    places += [(4, 46, None)]
    strata = {'stratum': [0, 0, 1, 1, 2], 'stratum_ha': [6.0, 6.0, 18.0, 18.0, 24.0]}
    found = assessed(labels, tmp_path, *places, **strata)
    assert found.accuracy.unknown_area == 24
    assert any('the map is' in note for note in found.notes)
    strata['stratum_ha'][1] = 7.0
    with pytest.raises(ValueError, match='not the one area that a stratum has'):
        assessed(labels, tmp_path, *places, **strata)


def test_random_sample(labels: Path) -> None:
    with rasterio.open(labels) as src:
        found = draw_check_sample(src, 100, 20, seed=3)
        again = draw_check_sample(src, 100, 20, seed=3)
        classes = src.read(1)[found.rows, found.cols]
    assert (found.rows == again.rows).all()
    assert len({*zip(found.rows.tolist(), found.cols.tolist(), strict=True)}) == 100
    # Twenty each, and 40 in proportion to 4, 8 and 12 ha.
    assert np.bincount(classes).tolist() == [27, 33, 40]
    names = np.array(['forest', 'water', 'town'])
    assert (found.columns['stratum'] == names[classes]).all()
    np.testing.assert_allclose(np.unique(found.columns['stratum_ha']), [4, 8, 12], 2e-3)
    assert len(set(classes[:10].tolist())) > 1


def test_every_hectare_is_equally_likely(tmp_path: Path) -> None:
    """In degrees, pixels near a pole are smaller."""
    grid = {'crs': 'EPSG:4326', 'transform': rasterio.Affine(0.01, 0, 0, 0, -1.0, 80)}
    path = write_labels(tmp_path / 'a.tif', np.zeros((80, 300), np.uint8), 1, **grid)
    with rasterio.open(path) as src:
        rows = draw_check_sample(src, 3000, 1, seed=0).rows
    expected = np.cos(np.radians(80 - np.arange(80) - 0.5))
    expected *= 3000 / expected.sum()
    counts = np.bincount(rows, minlength=80)
    # A chi-squared of 79 degrees of freedom.
    assert ((counts - expected) ** 2 / expected).sum() < 120


def test_allocation() -> None:
    sizes, pixels = np.array([90.0, 9.0, 1.0]), np.array([900, 90, 10])
    assert allocate(sizes, pixels, 60, 20).tolist() == [29, 21, 10]
    assert allocate(sizes, pixels, 100, 0).tolist() == [90, 9, 1]
    assert allocate(sizes, pixels, 2000, 5).tolist() == pixels.tolist()
    with pytest.raises(ValueError, match='count=40 is too few for 3 classes'):
        allocate(sizes, pixels, 40, 20)
