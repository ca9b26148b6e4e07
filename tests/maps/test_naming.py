# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import json
from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from shapely import Point, box

from torchgeo_ktextures.commands.relabel import relabel
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
            tmp_path / 'none.gpkg': "points '.*none.gpkg' cannot be read",
            labels: "labels.tif' cannot be read",
        }.items():
            with pytest.raises(ValueError, match=match):
                read_points(file, src)
    output = str(tmp_path / 'named.tif')
    with pytest.raises(ValueError, match='neither classes nor points are given'):
        relabel(str(labels), output)
    with pytest.raises(ValueError, match='min_agreement=2.0 must be from 0 to 1'):
        relabel(str(labels), output, points=str(far), min_agreement=2.0)
    entries = [ClassEntry(i, (i, i, i), name='Town') for i in range(3)]
    town = write_points(tmp_path / 'town.gpkg', [(5, 3, 'town')])
    with pytest.raises(ValueError, match="'Town' and 'town' differ only in case"):
        relabel_map(labels, entries, tmp_path / 'named.tif', points=town)
