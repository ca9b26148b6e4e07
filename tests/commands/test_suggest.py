# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from jsonargparse import ArgumentParser
from scipy.ndimage import minimum_filter

from torchgeo_ktextures.cli import main
from torchgeo_ktextures.commands.assess import assess
from torchgeo_ktextures.commands.classify import classify
from torchgeo_ktextures.commands.suggest import suggest as suggest_command
from torchgeo_ktextures.maps import typical_places

from ..label_maps import UTM, bands_of, regions, write_labels
from ..rasters import write_raster

type Suggest = Callable[..., gpd.GeoDataFrame]


@pytest.fixture
def suggest(named: Path, tmp_path: Path) -> Suggest:
    """Runs the command on the map of clusters; the points it wrote."""

    def run(*args: object, labels: Path = named / 'labels.tif') -> gpd.GeoDataFrame:
        output = tmp_path / 'points.gpkg'
        main(['suggest', str(labels), '--output', str(output), *map(str, args)])
        return gpd.read_file(output, layer='points')

    return run


def pixels(points: gpd.GeoDataFrame, path: Path) -> tuple[np.ndarray, ...]:
    """Rows and columns of points."""
    with rasterio.open(path) as src:
        assert points.crs == src.crs
        cols, rows = ~src.transform @ (points.geometry.x, points.geometry.y)
    return tuple(np.floor(np.asarray(v)).astype(int) for v in (rows, cols))


def test_places_inside_of_all_clusters(
    suggest: Suggest, named: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sure = named / 'confidence.tif'
    found = suggest('--image', named / 'scene.tif', '--count', 12, '--confidence', sure)
    assert [*found.columns] == ['order', 'cluster', 'confidence', 'class', 'geometry']
    assert found['order'].tolist() == [*range(1, 13)]
    assert set(found['class']) == {''}
    # One place in each cluster before any cluster has two.
    assert sorted(found['cluster'][:4]) == [0, 1, 2, 3]
    rows, cols = pixels(found, named / 'labels.tif')
    with rasterio.open(named / 'labels.tif') as src:
        labels = src.read(1)
    assert (labels[rows, cols] == found['cluster']).all()
    with rasterio.open(sure) as src:
        assert (src.read(1)[rows, cols] == found['confidence']).all()
    # Never at an edge: all pixels beside it are of the same cluster.
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)
    low = minimum_filter(labels, footprint=cross, mode='constant', cval=255)
    high = 255 - minimum_filter(255 - labels, footprint=cross, mode='constant')
    assert (low == high)[rows, cols].all()
    gaps = np.hypot(rows[:, None] - rows, cols[:, None] - cols)
    assert gaps[~np.eye(12, dtype=bool)].min() > 5
    assert '12 places by cluster: 0: ' in capsys.readouterr().out


def test_same_seed_same_places(suggest: Suggest, named: Path) -> None:
    first, again = (suggest('--image', named / 'scene.tif') for _ in range(2))
    assert len(first) == 30
    assert first.geometry.equals(again.geometry)


def test_large_maps_are_searched_coarsely(
    suggest: Suggest, named: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typical_places, '_SIZE', 70)
    found = suggest('--image', named / 'scene.tif', '--count', 8)
    rows, cols = pixels(found, named / 'labels.tif')
    with rasterio.open(named / 'labels.tif') as src:
        labels = src.read(1)
    for row, col, cluster in zip(rows, cols, found['cluster'], strict=True):
        assert (labels[row - 1 : row + 2, col] == cluster).all()
        assert (labels[row, col - 1 : col + 2] == cluster).all()


def test_points_so_far_are_not_suggested_again(
    suggest: Suggest, named: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = named / 'scene.tif'
    first = suggest('--image', image, '--count', 6)
    first.loc[:3, 'class'] = ['sea', 'wood', 'town', 'sea']
    first.to_crs(4326).to_file(tmp_path / 'so_far.geojson')
    more = suggest(
        '--image', image, '--count', 6, '--points', tmp_path / 'so_far.geojson'
    )
    assert '2 of 6 points have no name' in capsys.readouterr().out
    a, b = (np.stack(pixels(f, named / 'labels.tif'), 1) for f in (first[:4], more))
    assert np.linalg.norm(a[:, None] - b, axis=-1).min() > 3
    style = styles(tmp_path / 'points.gpkg')
    assert 'type="ValueMap"' in style
    assert all(f'name="{name}"' in style for name in ('sea', 'wood', 'town'))


def test_points_with_classes_are_not_overwritten(
    suggest: Suggest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = suggest('--count', 4)
    again = suggest('--count', 5)  # nobody has filled in anything
    assert (len(found), len(again)) == (4, 5)
    again.loc[2, 'class'] = 'wood'
    again.to_file(tmp_path / 'points.gpkg', layer='points')
    with pytest.raises(SystemExit):
        suggest('--count', 6)
    message = 'points.gpkg has classes of 1 of 5 points, which would be lost; give it'
    assert message in capsys.readouterr().err
    (tmp_path / 'points.gpkg').write_text('nothing')
    with pytest.raises(SystemExit):
        suggest('--count', 6)
    assert 'is there already and is not a file of points' in capsys.readouterr().err


def test_never_in_nodata_of_the_scene(
    suggest: Suggest, named: Path, tmp_path: Path
) -> None:
    labels = regions(80, 90)
    bands = bands_of(labels)
    bands[:, :, 40:] = 0
    write_raster(tmp_path / 'scene.tif', bands, nodata=0, **UTM)
    path = write_labels(tmp_path / 'labels.tif', labels)
    found = suggest('--image', tmp_path / 'scene.tif', labels=path)
    assert pixels(found, path)[1].max() < 39


def test_fewer_places_than_asked_for(
    suggest: Suggest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    specks = rng.integers(0, 3, (40, 40)).astype(np.uint8)
    specks[5:10, 5:10] = 1
    specks[20:25, 30:35] = 2
    path = write_labels(tmp_path / 'labels.tif', specks, classes=3)
    found = suggest('--count', 200, labels=path)
    assert {1, 2} <= set(found['cluster'])
    assert len(found) < 30
    said = capsys.readouterr().out
    assert f'{len(found)} places, fewer than the 200 that were asked for' in said


def styles(path: Path) -> str:
    """Default style of a GeoPackage."""
    with sqlite3.connect(path) as file:
        table = file.execute(
            'select f_table_name, f_geometry_column, useAsDefault, styleQML '
            'from layer_styles'
        ).fetchall()
    assert len(table) == 1
    assert table[0][:3] == ('points', 'geom', 1)
    return str(table[0][3])


def test_report_has_a_picture_and_an_input_for_each(
    suggest: Suggest, named: Path, tmp_path: Path
) -> None:
    report = tmp_path / 'places.html'
    args = '--image', named / 'scene.tif', '--count', 5, '--names', 'wood, </script>'
    found = suggest(*args, '--report', report)
    style = styles(tmp_path / 'points.gpkg')
    assert 'fieldName="order"' in style
    assert 'value="wood"' in style
    text = report.read_text('utf-8')
    # Natural colours, false colours, the surroundings; and the overview.
    assert text.count('data:image/png;base64,') == 5 * 3 + 1
    assert text.count('<input list="names"') == 5
    assert text.count('</script>') == 1
    features = json.loads(re.search(r'const points = (.*?);\n', text)[1])  # type: ignore[index]
    assert [f['properties']['order'] for f in features] == [1, 2, 3, 4, 5]
    lonlat = found.to_crs(4326).geometry
    x, y = features[0]['geometry']['coordinates']
    assert (x, y) == pytest.approx((lonlat.x[0], lonlat.y[0]), abs=1e-6)


def test_random_sample_for_assessment(
    suggest: Suggest, named: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Through assess, which finds what the truth is."""
    args = '--for', 'assessment', '--count', 90, '--min-per-class', 20
    found = suggest(*args, labels=named / 'named.tif')
    assert [*found.columns] == ['order', 'stratum', 'stratum_ha', 'class', 'geometry']
    assert found['stratum'].value_counts().min() >= 20
    assert 'value="forest"' in styles(tmp_path / 'points.gpkg')
    assert '90 places by stratum: city: ' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(
            f'assess {named / "named.tif"} --points {tmp_path / "points.gpkg"}'.split()
        )
    said = capsys.readouterr().err
    assert 'none of the 90 points of' in said
    assert "fill in column 'class'" in said
    found['class'] = found['stratum']
    found.loc[0, 'class'] = 'lake'
    found.loc[1, 'class'] = ''
    found.to_file(tmp_path / 'check.gpkg')
    files = tmp_path / 'a.json', tmp_path / 'a.md'
    main(
        f'assess {named / "named.tif"} --points {tmp_path / "check.gpkg"} '
        f'--json {files[0]} --output {files[1]}'.split()
    )
    said = capsys.readouterr().out
    content = json.loads(files[0].read_text('utf-8'))
    assert content['num_points'] == 89
    assert content['strata'] == 'points'
    assert sum(map(sum, content['counts'])) == 89
    assert 0.9 < content['overall_accuracy']['estimate'] < 1
    low, high = content['overall_accuracy']['interval_95']
    assert low < content['overall_accuracy']['estimate'] < high
    lake = content['classes'][-1]
    assert (lake['name'], lake['mapped_ha']) == ('lake', 0)
    assert lake['users_accuracy']['estimate'] is None
    total = sum(c['area_ha']['estimate'] for c in content['classes'])
    assert total == pytest.approx(sum(c['mapped_ha'] for c in content['classes']))
    text = files[1].read_text('utf-8')
    assert text in said
    assert "* The map has no 'lake', 1 of the points have." in text
    assert '* 1 of 90 points has no name.' in text


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (['--output', 'a.shp'], 'give it a name that ends in .gpkg'),
        (['--output', 'a.gpkg', '--count', '0'], 'count=0 must be at least 1'),
        (['--output', 'a.gpkg', '--report', 'a.html'], 'report needs the scene'),
        (['--output', 'a.gpkg', '--checkpoint', 'a.ckpt'], 'needs the scene'),
        (['--output', 'a.gpkg', '--points', 'a.gpkg'], 'would be overwritten'),
        (['--output', 'a.gpkg', '--points', 'b.gpkg'], "'b.gpkg' do not exist"),
        (['--output', 'a.gpkg', '--image', 'b.tif'], "'b.tif' does not exist"),
        (
            ['--output', 'a.gpkg', '--for', 'assessment', '--count', '30'],
            'too few for 4 classes with at least 20 points each; give at least 80',
        ),
        (
            ['--output', 'a.gpkg', '--for', 'assessment', '--points', 'b.gpkg'],
            'have no part in a random sample',
        ),
        (['--output', 'a.gpkg', '--for', 'fun'], "--for cannot be 'fun'"),
    ],
)
def test_what_does_not_fit(
    named: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    args: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(['suggest', str(named / 'labels.tif'), *args])
    assert message in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]


def test_no_georeference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_labels(tmp_path / 'a.tif', regions(), crs=None, transform=None)
    with pytest.raises(SystemExit):
        main(['suggest', str(path), '--output', str(tmp_path / 'a.gpkg')])
    assert 'has no georeference, so points have no place' in capsys.readouterr().err


@pytest.mark.parametrize('command', [assess, classify, suggest_command])
def test_help_tells_every_argument(command: object) -> None:
    parser = ArgumentParser()
    parser.add_function_arguments(command)  # type: ignore[arg-type]
    actions = [a for a in parser._actions if a.dest not in ('help',)]
    assert len(actions) >= 4
    assert all(a.help and len(a.help) > 10 for a in actions)


def test_option_that_is_a_word_of_python(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(['suggest', '--help'])
    text = capsys.readouterr().out
    assert '--for {labels,assessment}' in text
    assert '--for-' not in text
