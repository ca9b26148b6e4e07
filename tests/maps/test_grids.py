# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Maps that are not north-up: their places and areas on the ground are right."""

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.features import rasterize
from rasterio.transform import Affine
from shapely import Point
from torchgeo.datasets import RasterDataset

from torchgeo_ktextures.colors import class_colors
from torchgeo_ktextures.commands.export import export
from torchgeo_ktextures.maps import ClassEntry, relabel_map
from torchgeo_ktextures.maps.mosaic import check_mosaic, write_mosaic
from torchgeo_ktextures.maps.reading import MODEL_TAG

from ..label_maps import UTM, bands_of, regions, write_labels
from ..rasters import write_raster

GRIDS = {
    'north-up': Affine(10, 0, 5e5, 0, -10, 5e6),
    'south-up': Affine(10, 0, 5e5, 0, 10, 5e6),
    'mirrored': Affine(-10, 0, 5e5, 0, -10, 5e6),
    'turned by half': Affine(-10, 0, 5e5, 0, 10, 5e6),
    'turned by a quarter': Affine(0, 10, 5e5, 10, 0, 5e6),
    'rotated': Affine(8, 6, 5e5, 6, -8, 5e6),
    'sheared': Affine(10, 2, 5e5, 0, -7, 5e6),
}
LABELS = regions(120, 140)


@pytest.fixture(params=GRIDS)
def grid(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {'crs': 'EPSG:32633', 'transform': GRIDS[request.param]}


def test_relabel(tmp_path: Path, grid: dict[str, Any]) -> None:
    t = grid['transform']
    path = write_labels(tmp_path / 'labels.tif', LABELS, **grid)
    places = [tuple(np.argwhere(code == LABELS)[200]) for code in range(4)]
    points = gpd.GeoDataFrame(
        {'class': [f'n{i}' for i in range(4)]},
        geometry=[Point(*t @ (col + 0.5, row + 0.5)) for row, col in places],
        crs=32633,
    ).to_crs(4326)
    points.to_file(tmp_path / 'points.gpkg')
    output = tmp_path / 'named.tif'
    found = relabel_map(path, None, output, points=tmp_path / 'points.gpkg')
    with rasterio.open(output) as dst:
        assert dst.transform.almost_equals(t)
        names = json.loads(dst.tags(1)['CLASS_NAMES'])
        table = np.full(256, 255)
        table[:4] = [names.index(f'n{i}') for i in range(4)]
        assert (dst.read(1) == table[LABELS]).all()
    for c in found:
        assert c.pixels == (int(c.name[1]) == LABELS).sum()
        true = c.pixels * abs(t.determinant) / 10_000 / 0.9996**2
        assert c.area_ha == pytest.approx(true, rel=2e-4)
    # A minimum mapping unit of 30 pixels.
    area = f'{30 * abs(t.determinant) / 10_000:.3f}ha'
    entries = [ClassEntry(i, (i, i, i), name=f'n{i}') for i in range(4)]
    relabel_map(path, entries, tmp_path / 'sieved.tif', min_area=area)
    relabel_map(path, entries, tmp_path / 'pixels.tif', min_area='30px')
    with (
        rasterio.open(tmp_path / 'sieved.tif') as a,
        rasterio.open(tmp_path / 'pixels.tif') as b,
    ):
        assert (a.read() == b.read()).all()


def test_export(tmp_path: Path, grid: dict[str, Any]) -> None:
    t = grid['transform']
    path = write_labels(tmp_path / 'labels.tif', LABELS, **grid)
    data = bands_of(LABELS)
    scene = write_raster(tmp_path / 'scene.tif', data, nodata=0, **grid)
    out = tmp_path / 'samples'
    export(str(path), str(scene), str(out), chip_size=24, points=20)
    frame = gpd.read_file(out / 'polygons.gpkg')
    burnt = rasterize(
        zip(frame.geometry, frame['code'], strict=True),
        out_shape=LABELS.shape,
        transform=t,
        fill=255,
        dtype='uint8',
    )
    assert (burnt == LABELS).all()
    for code, group in frame.groupby('code'):
        true = (code == LABELS).sum() * abs(t.determinant) / 10_000
        assert group.area.sum() / 10_000 == pytest.approx(true)
        assert group['area_ha'].sum() == pytest.approx(true / 0.9996**2, rel=2e-4)
    points = gpd.read_file(out / 'points.gpkg')
    cols, rows = ~t @ (points.geometry.x.to_numpy(), points.geometry.y.to_numpy())
    rows, cols = (np.floor(v).astype(int) for v in (rows, cols))
    assert (LABELS[rows, cols] == points['code']).all()
    assert (points[['red', 'green', 'blue', 'nir']] == data[:, rows, cols].T).all(None)
    images = list(out.glob('chips/*/images/*.tif'))
    assert len(images) > 5
    for image in images:
        with (
            rasterio.open(image) as a,
            rasterio.open(str(image).replace('images', 'masks')) as b,
        ):
            col, row = (round(v) for v in ~t @ (a.transform.c, a.transform.f))
            place = np.s_[row : row + 24, col : col + 24]
            assert (a.read() == data[:, place[0], place[1]]).all()
            assert (b.read(1) == LABELS[place]).all()
            assert a.transform.almost_equals(b.transform)
            assert a.transform.almost_equals(t @ Affine.translation(col, row))


@pytest.mark.parametrize('name', ['south-up', 'mirrored', 'turned by half'])
def test_torchgeo_reads_chips_north_up(tmp_path: Path, name: str) -> None:
    grid = {'crs': 'EPSG:32633', 'transform': GRIDS[name]}
    data = bands_of(LABELS)[:, :24, :24]
    path = write_raster(tmp_path / 'chip.tif', data, nodata=0, **grid)
    dataset = RasterDataset(str(path))
    rows = slice(None, None, -1 if grid['transform'].e > 0 else 1)
    cols = slice(None, None, -1 if grid['transform'].a < 0 else 1)
    assert (dataset[dataset.bounds]['image'].numpy() == data[:, rows, cols]).all()


def test_ground_control_points(tmp_path: Path) -> None:
    path = tmp_path / 'labels.tif'
    profile = {'width': 140, 'height': 120, 'count': 1, 'dtype': 'uint8'}
    points = [
        GroundControlPoint(row, col, 5e5 + 10 * col, 5e6 - 10 * row)
        for row, col in ((0, 0), (0, 140), (120, 0), (120, 140))
    ]
    with rasterio.open(path, 'w', driver='GTiff', nodata=255, **profile) as dst:
        dst.write(LABELS, 1)
        dst.write_colormap(1, class_colors(4))
        dst.gcps = (points, rasterio.CRS.from_epsg(32633))
    entries = [ClassEntry(i, (i, i, i), name=f'n{i}') for i in range(4)]
    found = relabel_map(path, entries, tmp_path / 'named.tif')
    assert [c.area_ha for c in found] == [None] * 4
    with rasterio.open(tmp_path / 'named.tif') as dst:
        assert [(p.row, p.col, p.x, p.y) for p in dst.gcps[0]] == [
            (p.row, p.col, p.x, p.y) for p in points
        ]
        assert dst.gcps[1].to_epsg() == 32633
        assert (dst.read(1) == LABELS).all()
    scene = write_raster(tmp_path / 'scene.tif', bands_of(LABELS), **UTM)
    remedy = r'labels.tif has no .*ground control points, warp the scene.*gdalwarp'
    with pytest.raises(ValueError, match=remedy):
        export(str(path), str(scene), str(tmp_path / 'out'))
    with pytest.raises(ValueError, match=remedy):
        check_mosaic([path, path])
    frame = gpd.GeoDataFrame({'class': ['a']}, geometry=[Point(5e5, 5e6)], crs=32633)
    frame.to_file(tmp_path / 'points.gpkg')
    with pytest.raises(ValueError, match=remedy):
        relabel_map(path, None, tmp_path / 'a.tif', points=tmp_path / 'points.gpkg')


@pytest.mark.parametrize('kind', ['vrt', 'tif'])
def test_mosaic(tmp_path: Path, kind: str, grid: dict[str, Any]) -> None:
    t = grid['transform']
    # The second one begins where the first one ends, with its columns and rows.
    second = grid | {'transform': t @ Affine.translation(140, 20)}
    maps = [
        write_labels(tmp_path / 'a.tif', LABELS, **grid),
        write_labels(tmp_path / 'b.tif', LABELS[::-1], **second),
    ]
    for path in maps:
        with rasterio.open(path, 'r+') as dst:
            dst.update_tags(**{MODEL_TAG: 'abcd'})
    output = tmp_path / f'mosaic.{kind}'
    if t != GRIDS['north-up']:
        with pytest.raises(ValueError, match=r'a.tif is rotated, mirrored.*gdalwarp'):
            check_mosaic(maps)
        with pytest.raises(ValueError, match='cannot be part of a mosaic'):
            write_mosaic(maps, output)
        assert not output.exists()
        return
    write_mosaic(maps, output)
    expected = np.full((140, 280), 255)
    expected[:120, :140] = LABELS
    expected[20:, 140:] = LABELS[::-1]
    with rasterio.open(output) as dst:
        assert (dst.read(1) == expected).all()
        assert dst.transform.almost_equals(t)
        assert dst.tags()[MODEL_TAG] == 'abcd'
    with rasterio.open(maps[1], 'r+') as dst:
        dst.update_tags(**{MODEL_TAG: 'efgh'})
    write_mosaic(maps, output)
    with rasterio.open(output) as dst:
        assert MODEL_TAG not in dst.tags()


def test_mosaic_of_nothing_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"'.*none.tif' does not exist"):
        check_mosaic([tmp_path / 'none.tif'])
