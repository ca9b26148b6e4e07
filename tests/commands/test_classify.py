# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""From a scene to a map of classes and its accuracy, as a user does it."""

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio.windows import Window
from rio_cogeo.cogeo import cog_validate

from torchgeo_ktextures.points import PointClassifier

from ..rasters import write_raster, write_scene
from .conftest import POINTS, QUIET, run


def test_segment_suggests(folder: Path) -> None:
    found = gpd.read_file(folder / 'labels_points.gpkg', layer='points')
    assert [*found.columns] == [
        *('order', 'cluster', 'confidence', 'reason', 'class', 'geometry')
    ]
    assert found['order'].tolist() == [*range(1, len(found) + 1)]
    assert 4 <= len(found) <= 8
    assert set(found['class']) == {''}
    assert found['confidence'].between(0, 100).all()
    text = (folder / 'labels_points.html').read_text('utf-8')
    assert text.count('<input list="names"') == len(found)


def test_segment_keeps_points_with_classes(
    scene: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / 'labels_points.gpkg'
    before = path.read_bytes()
    frame = gpd.read_file(path, layer='points')
    frame['class'] = 'sea'
    frame.to_file(path, layer='points')
    command = [
        *('segment', scene, '--n-clusters', 6, *QUIET, '--suggest', 8),
        *('--output', folder / 'labels.tif'),
    ]
    # All is there, and nothing is written.
    run(*command, '--steps', 15)
    assert 'All of this was there already' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        run(*command, '--steps', 16)
    assert 'which would be lost' in capsys.readouterr().err
    assert set(gpd.read_file(path, layer='points')['class']) == {'sea'}
    path.write_bytes(before)


def test_segment_that_cannot_suggest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = write_scene(tmp_path / 'bare.tif', crs=None, transform=None)
    command = ['segment', bare, *QUIET, '--output', tmp_path / 'a.tif', '--suggest']
    for count, message in {0: 'suggest=0 must be', 5: 'has no georeference'}.items():
        with pytest.raises(SystemExit):
            run(*command, count)
        assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ['bare.tif']


def test_map_has_the_classes_of_the_points(scene: Path, folder: Path) -> None:
    assert cog_validate(folder / 'map.tif')[0]
    with rasterio.open(folder / 'map.tif') as src, rasterio.open(scene) as like:
        assert (src.shape, src.crs, src.transform) == (
            *(like.shape, like.crs, like.transform),
        )
        assert json.loads(src.tags(1)['CLASS_NAMES']) == ['city', 'forest', 'sea']
        labels = src.read(1)
        points = gpd.read_file(POINTS).to_crs(src.crs).clip(src.bounds)
        cols, rows = ~src.transform @ (points.geometry.x, points.geometry.y)
    at_points = labels[np.asarray(rows, int), np.asarray(cols, int)]
    names = np.array(['city', 'forest', 'sea'])
    assert len(points) == 7
    assert (names[at_points] == points['class']).all()
    # The sea is in the east.
    assert (labels[:, -3:] == 2).mean() > 0.8
    assert (labels[:, :80] != 2).mean() > 0.9
    assert np.bincount(labels.ravel(), minlength=3).min() > 500
    with rasterio.open(folder / 'map_confidence.tif') as src:
        sure = src.read(1)
    assert sure.max() <= 100
    assert len(np.unique(sure)) > 5
    table = (folder / 'map.tif.aux.xml').read_text('utf-8')
    assert '<Category>forest</Category>' in table
    page = (folder / 'map.html').read_text('utf-8')
    assert '3 classes by 7 points' in page
    assert not list(folder.glob('.*'))


def test_same_command_makes_the_same_map(
    scene: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(
        *('classify', scene, '--points', POINTS, *QUIET),
        *('--checkpoint', folder / 'model.ckpt', '--output', tmp_path / 'map.tif'),
        *('--tile-size', 96),
    )
    said = capsys.readouterr().out
    assert '18 of 25 points are not in the scene: 18 outside of it' in said
    assert 'city: 2, forest: 2, sea: 3 points' in said
    assert 'forest ' in said
    assert f'{tmp_path / "map.tif"}.aux.xml' in said
    with (
        rasterio.open(folder / 'map.tif') as a,
        rasterio.open(tmp_path / 'map.tif') as b,
    ):
        assert (a.read(1) == b.read(1)).mean() > 0.999


def test_other_points_make_another_map(
    scene: Path, folder: Path, tmp_path: Path
) -> None:
    frame = gpd.read_file(POINTS)
    frame.loc[frame['class'] == 'forest', 'class'] = 'city'
    frame.to_file(tmp_path / 'points.gpkg')
    (tmp_path / 'map.tif').write_bytes((folder / 'map.tif').read_bytes())
    run(
        *('classify', scene, '--points', tmp_path / 'points.gpkg', *QUIET),
        *('--checkpoint', folder / 'model.ckpt', '--output', tmp_path / 'map.tif'),
        *('--save-checkpoint', tmp_path / 'points.ckpt'),
    )
    assert PointClassifier.load(tmp_path / 'points.ckpt').classes_.tolist() == [
        *('city', 'sea')
    ]
    with rasterio.open(tmp_path / 'map.tif') as src:
        assert json.loads(src.tags(1)['CLASS_NAMES']) == ['city', 'sea']
        assert set(np.unique(src.read(1))) <= {0, 1, 255}


def test_suggest_with_the_model(scene: Path, folder: Path, tmp_path: Path) -> None:
    output = tmp_path / 'more.gpkg'
    args = '--checkpoint', folder / 'model.ckpt', '--points', POINTS
    run(
        *('suggest', folder / 'labels.tif', '--image', scene, *args),
        *('--count', 5, '--output', output),
    )
    found = gpd.read_file(output, layer='points')
    assert 1 <= len(found) <= 5
    given = gpd.read_file(POINTS).to_crs(found.crs)
    assert min(given.distance(p).min() for p in found.geometry) > 28.5


def test_export_and_assess_take_the_map(
    scene: Path, folder: Path, tmp_path: Path
) -> None:
    run(
        *('export', folder / 'map.tif', '--image', scene),
        *('--confidence', folder / 'map_confidence.tif', '--output', tmp_path / 's'),
    )
    points = gpd.read_file(tmp_path / 's' / 'points.gpkg', layer='points')
    assert set(points['class']) == {'city', 'forest', 'sea'}
    run(
        *('suggest', folder / 'map.tif', '--for', 'assessment', '--count', 60),
        *('--output', tmp_path / 'check.gpkg'),
    )
    check = gpd.read_file(tmp_path / 'check.gpkg', layer='points')
    check['class'] = check['stratum']
    check.to_file(tmp_path / 'checked.gpkg')
    run(
        *('assess', folder / 'map.tif', '--points', tmp_path / 'checked.gpkg'),
        *('--json', tmp_path / 'a.json'),
    )
    found = json.loads((tmp_path / 'a.json').read_text())
    assert found['overall_accuracy']['estimate'] == pytest.approx(1)


def test_maps_of_several_scenes(scene: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / 'scenes').mkdir()
    with rasterio.open(scene) as src:
        for number in range(2):
            window = Window(0, 80 * number, 160, 80)
            grid = {'crs': src.crs, 'transform': src.window_transform(window)}
            path = tmp_path / 'scenes' / f'{number}.tif'
            write_raster(path, src.read(window=window), names=src.descriptions, **grid)
    maps = [f'{i}_classes{e}' for i in '01' for e in ('.tif', '.tif.aux.xml', '.qml')]
    for kind in ('tif', 'vrt'):
        run(
            *('classify', tmp_path / 'scenes', '--points', POINTS, *QUIET),
            *('--checkpoint', folder / 'model.ckpt', '--output', tmp_path / 'maps'),
            *('--mosaic', kind),
        )
        with rasterio.open(tmp_path / 'maps' / f'mosaic.{kind}') as src:
            assert json.loads(src.tags(1)['CLASS_NAMES']) == ['city', 'forest', 'sea']
            labels = src.read(1)
        with rasterio.open(folder / 'map.tif') as src:
            assert (labels == src.read(1)).mean() > 0.8
    names = {path.name for path in (tmp_path / 'maps').iterdir()}
    ends = '.tif', '.tif.aux.xml', '.vrt', '.qml'
    assert names == {*maps, *(f'mosaic{end}' for end in ends)}


@pytest.mark.parametrize(
    ('column', 'message'),
    [
        ('sea', "all 7 points of points.gpkg in the scene are of one class, 'sea'"),
        ('', 'none of the 25 points of points.gpkg has a name and a place'),
    ],
)
def test_points_are_checked_before_anything_is_fitted(
    scene: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    column: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    frame = gpd.read_file(POINTS)
    frame['class'] = column
    frame.to_file('points.gpkg')
    with pytest.raises(SystemExit) as error:
        run('classify', scene, '--points', 'points.gpkg', '--output', 'map.tif', *QUIET)
    assert error.value.code == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ['points.gpkg']
