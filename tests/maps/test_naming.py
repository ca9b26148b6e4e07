# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from shapely import MultiPoint, Point, box

from torchgeo_ktextures.commands.relabel import relabel
from torchgeo_ktextures.errors import UnreadableError
from torchgeo_ktextures.maps import ClassEntry, relabel_map
from torchgeo_ktextures.maps.naming import read_points

from ..label_maps import UTM, write_labels

#: Three clusters in vertical stripes of 20 pixels, the first one again at the right.
STRIPES = np.repeat(np.array([0, 1, 2, 0], np.uint8), 20)[None].repeat(40, 0)


def write_points(
    path: Path, places: Sequence[tuple[int, int, str | None]], crs: str = 'EPSG:4326'
) -> Path:
    """Write points at rows and columns of the map."""
    xy = [UTM['transform'] @ (col + 0.5, row + 0.5) for row, col, _ in places]
    frame = gpd.GeoDataFrame(
        {'class': [name for _, _, name in places]},
        geometry=[Point(*p) for p in xy],
        crs=UTM['crs'],
    )
    frame.to_crs(crs).to_file(path)
    return path


def named(
    folder: Path, places: Sequence[tuple[int, int, str | None]], agreement: float = 0
) -> tuple[list[str], npt.NDArray[np.uint8]]:
    labels = write_labels(folder / 'labels.tif', STRIPES, classes=3)
    points = write_points(folder / 'points.gpkg', places)
    output = folder / 'named.tif'
    relabel_map(labels, None, output, points=points, min_agreement=agreement)
    with rasterio.open(output) as src:
        return json.loads(src.tags(1)['CLASS_NAMES']), src.read(1)


def test_points_name_clusters_and_their_own_patches(tmp_path: Path) -> None:
    places = [(5, 3, 'sea'), (7, 9, 'sea'), (9, 70, 'lake'), (3, 25, 'wood')]
    # Without a name, and outside of the map.
    places += [(3, 45, None), (500, 25, 'wood')]
    names, found = named(tmp_path, places)
    assert names == ['sea', 'wood', 'lake']
    # The third stripe has no point; the fourth one is of the cluster of the first.
    assert (found == np.repeat([0, 1, 255, 2], 20)).all()


def test_patches_that_go_on_are_left_to_their_cluster(tmp_path: Path) -> None:
    labels = np.zeros((9, 900), np.uint8)
    labels[:, [100, 165]] = 1  # between them, a patch of 64 pixels
    path = write_labels(tmp_path / 'labels.tif', labels, 2)
    places = [(4, 10, 'a'), (4, 30, 'a'), (4, 50, 'a'), (4, 132, 'b'), (4, 180, 'b')]
    points = write_points(tmp_path / 'points.gpkg', [*places, (4, 100, 'c')])
    relabel_map(path, None, tmp_path / 'named.tif', points=points)
    with rasterio.open(tmp_path / 'named.tif') as src:
        names = json.loads(src.tags(1)['CLASS_NAMES'])
        found = np.array(names)[src.read(1)]
    assert (found == np.repeat(['a', 'c', 'b', 'c', 'a'], [100, 1, 64, 1, 734])).all()


def test_agreement(tmp_path: Path) -> None:
    places = [(5, 3, 'a'), (6, 3, 'a'), (9, 70, 'b'), (3, 25, 'b'), (3, 45, 'b')]
    _, found = named(tmp_path, places, agreement=0.7)
    # Patches with points are never dropped.
    assert (found == np.repeat([1, 0, 0, 0], 20)).all()
    labels = STRIPES.copy()
    labels[:, 70] = 1  # now the last nine columns are a patch without a point
    path = write_labels(tmp_path / 'labels.tif', labels, classes=3)
    points = tmp_path / 'points.gpkg'
    write_points(points, [(5, 3, 'a'), (9, 65, 'b'), (3, 25, 'b'), (3, 45, 'b')])
    output = tmp_path / 'named.tif'
    relabel_map(path, None, output, points=points, min_agreement=0.7)
    with rasterio.open(output) as src:
        found = src.read(1)
    assert (found[:, 71:] == 255).all()
    assert (found[:, :60] != 255).all()


def test_names_of_the_legend_come_first(tmp_path: Path) -> None:
    labels = write_labels(tmp_path / 'labels.tif', STRIPES, classes=3)
    points = write_points(tmp_path / 'points.gpkg', [(5, 25, 'wood'), (5, 45, 'wood')])
    entries = [ClassEntry(i, (i, i, i), name=n) for i, n in enumerate(['', '', 'town'])]
    output = tmp_path / 'named.tif'
    found = relabel_map(labels, entries, output, points=points)
    # The point in town corrects all of its patch.
    assert [(c.name, c.pixels) for c in found] == [('wood', 1600), ('town', 0)]


def test_bad_points(tmp_path: Path) -> None:
    labels = write_labels(tmp_path / 'labels.tif', STRIPES, classes=3)
    points = write_points(tmp_path / 'points.gpkg', [(5, 3, 'a'), (6, 25, 'A')])
    far = write_points(tmp_path / 'far.gpkg', [(500, 3, 'a')])
    boxes = tmp_path / 'boxes.gpkg'
    frame = gpd.GeoDataFrame({'class': ['a']}, geometry=[box(0, 0, 1, 1)], crs=4326)
    frame.to_file(boxes)
    frame.rename(columns={'class': 'kind'}).to_file(tmp_path / 'kind.gpkg')
    with rasterio.open(labels) as src:
        for file, match in {
            points: "'A' and 'a' differ only in case",
            far: 'none of the 1 named points of .* is on a cluster',
            boxes: 'boxes.gpkg holds Polygons; give points',
            tmp_path / 'kind.gpkg': "has no column 'class' of names but 'kind'",
        }.items():
            with pytest.raises(ValueError, match=match):
                read_points(file, src)
        with pytest.raises(FileNotFoundError, match=r"none.gpkg' do not exist; check"):
            read_points(tmp_path / 'none.gpkg', src)
        with pytest.raises(UnreadableError, match=r"labels.tif' cannot be read"):
            read_points(labels, src)
    output = str(tmp_path / 'named.tif')
    with pytest.raises(ValueError, match='neither classes nor points are given'):
        relabel(str(labels), output)
    with pytest.raises(ValueError, match='min_agreement=2.0 must be from 0 to 1'):
        relabel(str(labels), output, points=str(far), min_agreement=2.0)
    entries = [ClassEntry(i, (i, i, i), name='Town') for i in range(3)]
    town = write_points(tmp_path / 'town.gpkg', [(5, 3, 'town')])
    with pytest.raises(ValueError, match="'Town' and 'town' differ only in case"):
        relabel_map(labels, entries, tmp_path / 'named.tif', points=town)


def column_of(path: Path, values: Sequence[Any], crs: Any = UTM['crs']) -> Path:
    """Points in the first three stripes, one for each value."""
    places = [UTM['transform'] @ (10.5 + 20 * (i % 3), 5.5 + i) for i in range(9)]
    points = [Point(*p) for p in places[: len(values)]]
    gpd.GeoDataFrame({'class': values}, geometry=points, crs=crs).to_file(path)
    return path


def names_at(folder: Path, points: Any) -> list[str | None]:
    """Name that each of the first three stripes gets."""
    labels = write_labels(folder / 'labels.tif', STRIPES, classes=3)
    output = folder / 'named.tif'
    relabel(str(labels), str(output), points=str(points))
    with rasterio.open(output) as src:
        names = json.loads(src.tags(1)['CLASS_NAMES'])
        codes = src.read(1)[30, [10, 30, 50]]
    return [names[c] if c < len(names) else None for c in codes]


@pytest.mark.parametrize(
    ('values', 'names'),
    [
        ([1, 2, 3], ['1', '2', '3']),
        ([1, 2, 3, None], ['1', '2', '3']),
        ([1.0, 2.0, 30.0], ['1', '2', '30']),
        ([1.5, 2.0, 3.25], ['1.5', '2.0', '3.25']),
        ([True, False, True], ['True', 'False', 'True']),
        ([' old  wood', 'sea ', ' '], ['old wood', 'sea', None]),
        (['01', '1', ''], ['01', '1', None]),
    ],
)
@pytest.mark.parametrize('suffix', ['gpkg', 'geojson'])
def test_columns(
    tmp_path: Path, values: Sequence[Any], names: list[str], suffix: str
) -> None:
    points = column_of(tmp_path / f'points.{suffix}', values)
    assert names_at(tmp_path, points) == names


def test_columns_in_upper_case(tmp_path: Path) -> None:
    path = column_of(tmp_path / 'p.gpkg', ['a', 'b', 'c'])
    frame = gpd.read_file(path)
    frame.rename(columns={'class': 'CLASS'}).to_file(tmp_path / 'upper.shp')
    assert names_at(tmp_path, tmp_path / 'upper.shp') == ['a', 'b', 'c']
    frame['CLASS'] = 'x'
    frame.to_file(tmp_path / 'both.geojson')
    assert names_at(tmp_path, tmp_path / 'both.geojson') == ['a', 'b', 'c']
    frame = frame.rename(columns={'class': 'Class'})
    frame.to_file(tmp_path / 'odd.geojson')
    with pytest.raises(ValueError, match="'Class', 'CLASS'.*not clear.*rename one"):
        names_at(tmp_path, tmp_path / 'odd.geojson')


def test_multipoints_and_heights(tmp_path: Path) -> None:
    frame = gpd.read_file(column_of(tmp_path / 'p.gpkg', ['a', 'b', 'c', 'a', 'b']))
    x, y = frame.geometry.x, frame.geometry.y
    parts = [
        MultiPoint([(x[0], y[0]), (x[3], y[3]), (0, 0)]),
        MultiPoint([(x[1], y[1])]),
        MultiPoint([(x[2], y[2], 7.5)]),
        MultiPoint(),
    ]
    several = gpd.GeoDataFrame(
        {'class': ['a', 'b', 'c', 'd']}, geometry=parts, crs=UTM['crs']
    )
    several.to_file(tmp_path / 'several.gpkg')
    assert names_at(tmp_path, tmp_path / 'several.gpkg') == ['a', 'b', 'c']
    with rasterio.open(tmp_path / 'labels.tif') as src:
        found = read_points(tmp_path / 'several.gpkg', src)
    assert len(found.rows) == 4
    assert found.left_out == [
        '2 of 6 points are not on the map: 1 outside of it, 1 without a place'
    ]
    high = gpd.GeoDataFrame(
        {'class': ['a', 'b']},
        geometry=gpd.points_from_xy(x[:2], y[:2], [1, 2]),
        crs=UTM['crs'],
    )
    high.to_file(tmp_path / 'high.gpkg')
    assert names_at(tmp_path, tmp_path / 'high.gpkg') == ['a', 'b', None]


def test_layers(tmp_path: Path) -> None:
    frame = gpd.read_file(column_of(tmp_path / 'p.gpkg', ['a', 'b', 'c']))
    path = tmp_path / 'layers.gpkg'
    frame.drop(columns='class').to_file(path, layer='sites')
    frame.set_geometry(frame.buffer(5)).to_file(path, layer='areas', mode='a')
    with pytest.raises(ValueError, match='sites, areas, of which none hold points'):
        names_at(tmp_path, path)
    frame.rename(columns={'class': 'Class'}).to_file(path, layer='named', mode='a')
    assert names_at(tmp_path, path) == ['a', 'b', 'c']
    frame['class'] = ['x', 'y', 'z']
    frame.to_file(path, layer='more', mode='a')
    with pytest.raises(
        ValueError,
        match=r'sites, areas, named, more, of which named, more hold points with a .*'
        r"name one as QGIS does: 'layers.gpkg\|layername=named'",
    ):
        names_at(tmp_path, path)
    assert names_at(tmp_path, f'{path}|layername=more') == ['x', 'y', 'z']
    assert names_at(tmp_path, f'{path}|LayerName=named') == ['a', 'b', 'c']
    with pytest.raises(OSError, match=r"gpkg\|layername=none' cannot be read"):
        names_at(tmp_path, f'{path}|layername=none')


def test_left_out_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = STRIPES.copy()
    labels[:, 60:] = 255
    path = write_labels(tmp_path / 'labels.tif', labels, classes=3)
    frame = gpd.read_file(column_of(tmp_path / 'p.gpkg', ['a', 'b', 'c'])).to_crs(4326)
    right = gpd.GeoSeries([Point(*UTM['transform'] @ (70.0, 5.0))], crs=UTM['crs'])
    places = [*frame.geometry, Point(100, 89.9), Point(), Point(200, 95), None]
    places += [*right.to_crs(4326), frame.geometry[0]]
    far = gpd.GeoDataFrame(
        {'class': ['a', 'b', 'c', *'defgh', None]}, geometry=places, crs=4326
    )
    far.to_file(tmp_path / 'far.gpkg')
    relabel(str(path), str(tmp_path / 'named.tif'), points=str(tmp_path / 'far.gpkg'))
    said = capsys.readouterr().out.splitlines()
    assert said[0] == (
        '5 of 9 points are not on the map: 2 outside of it, 1 where it has no class, '
        '2 without a place'
    )
    assert said[1] == '1 of 9 points has no name'
    with rasterio.open(tmp_path / 'named.tif') as src:
        assert (src.read(1) == np.repeat([0, 1, 2, 255], 20)).all()


def test_remedies(tmp_path: Path) -> None:
    labels = write_labels(tmp_path / 'labels.tif', STRIPES, classes=3)
    frame = gpd.read_file(column_of(tmp_path / 'p.gpkg', ['a', 'b', 'c']))
    x, y = frame.geometry.x, frame.geometry.y
    there = frame.to_crs(4326).geometry
    swapped = frame.set_geometry(gpd.points_from_xy(there.y, there.x), crs=4326)
    swapped.to_file(tmp_path / 'swapped.geojson')
    frame.set_crs(4326, allow_override=True).to_file(tmp_path / 'wrong.gpkg')
    frame.assign(x=x, y=y).drop(columns='geometry').to_csv(tmp_path / 'table.csv')
    frame.assign(**{'class': ['', ' ', None]}).to_file(tmp_path / 'blank.gpkg')
    frame.set_crs(None, allow_override=True).to_file(tmp_path / 'bare.gpkg')
    mixed = frame.assign(**{'class': ['Water', 'water ', 'x']})
    mixed.to_file(tmp_path / 'mixed.gpkg')
    odd = frame.assign(**{'class': ['a\x07', 'b', 'c']})
    odd.to_file(tmp_path / 'odd.gpkg')
    output = tmp_path / 'named.tif'
    for file, match in {
        'swapped.geojson': 'none of the 3 .*with x and y swapped they would be',
        'wrong.gpkg': 'coordinates are those of EPSG:32633 but the file says WGS 84',
        'table.csv': "no geometry but the columns .*'class', 'x', 'y'; in QGIS, add it",
        'blank.gpkg': 'none of the 3 points of .* has a name and a place; fill in',
        'bare.gpkg': 'bare.gpkg has no coordinate reference system',
        'mixed.gpkg': "names 'Water' and 'water' differ only in case; spell them alike",
        'odd.gpkg': r"the name 'a\\x07' has a control character",
    }.items():
        with pytest.raises(ValueError, match=match):
            relabel(str(labels), str(output), points=str(tmp_path / file))
        assert not output.exists()
    empty = np.full_like(STRIPES, 255)
    empty[0, 0] = 0
    write_labels(labels, empty, classes=3)
    with pytest.raises(ValueError, match='where they are it has no data'):
        relabel(str(labels), str(output), points=str(tmp_path / 'p.gpkg'))
