# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path

import geopandas as gpd
import pytest
import rasterio
import yaml
from jsonargparse import ArgumentParser
from shapely import Point

from torchgeo_ktextures.commands.export import export
from torchgeo_ktextures.commands.relabel import relabel

from ..label_maps import regions, write_labels


def test_relabel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_labels(tmp_path / 'labels.tif', regions())
    classes = tmp_path / 'classes.yaml'
    classes.write_text(
        'classes: [{index: 0, name: sea}, {index: 1, name: null}, '
        "{index: 2, name: sea}, {index: 3, name: ''}]"
    )
    output = tmp_path / 'named.tif'
    args = str(path), str(output)
    relabel(*args, classes=str(classes), min_area='3px', majority=3)
    with rasterio.open(output) as dst:
        assert set(dst.read(1).ravel()) == {0, 1, 255}
    out = capsys.readouterr().out
    assert 'sea' in out
    assert 'class 3' in out
    assert ' ha ' in out
    assert 'dropped: cluster 1, ' in out
    style = tmp_path / 'named.qml'
    assert out.endswith(f'Written:\n  {output}\n  {output}.aux.xml\n  {style}\n')
    assert set(tmp_path.iterdir()) == {
        *(path, classes, output, tmp_path / 'named.tif.aux.xml', style)
    }


def test_home_folder(
    named: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ('labels', 'confidence', 'scene'):
        (tmp_path / f'{name}.tif').write_bytes((named / f'{name}.tif').read_bytes())
    entries = [{'index': i, 'name': 'abcd'[i]} for i in range(4)]
    (tmp_path / 'classes.yaml').write_text(yaml.safe_dump({'classes': entries}))
    with rasterio.open('labels.tif') as src:
        place = [Point(*src.xy(100, 100))]
    frame = gpd.GeoDataFrame({'class': ['a']}, geometry=place, crs=32633)
    frame.to_file('points.gpkg')
    relabel(
        '~/labels.tif',
        '~/named.tif',
        classes='~/classes.yaml',
        points='~/points.gpkg|layername=points',
        confidence='~/confidence.tif',
        min_confidence=5,
    )
    export(
        '~/named.tif',
        '~/scene.tif',
        '~/samples',
        confidence='~/confidence.tif',
        chip_size=32,
        points=5,
        picture='~/samples.png',
    )
    assert not (tmp_path / '~').exists()
    assert {p.name for p in (tmp_path / 'samples').iterdir()} == {
        *('polygons.gpkg', 'points.gpkg', 'chips', 'training.yaml')
    }
    content = yaml.safe_load((tmp_path / 'samples' / 'training.yaml').read_text())
    assert content['data']['init_args']['root'] == str(tmp_path / 'samples' / 'chips')
    assert (tmp_path / 'samples.png').is_file()


def test_windows_encoding_is_told(
    named: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = 'classes:\n' + ''.join(
        f'- {{index: {i}, name: Grün {i}}}\n' for i in range(4)
    )
    classes = tmp_path / 'classes.yaml'
    classes.write_bytes(text.encode('cp1252'))
    args = str(named / 'labels.tif'), str(tmp_path / 'named.tif')
    relabel(*args, classes=str(classes))
    said = capsys.readouterr().out
    assert said.startswith(f'{classes} is not Unicode; it is read as cp1252')
    assert 'Grün 3' in said


@pytest.mark.parametrize('command', [relabel, export])
def test_help_tells_every_argument(command: object) -> None:
    parser = ArgumentParser()
    parser.add_function_arguments(command)  # type: ignore[arg-type]
    actions = [a for a in parser._actions if a.dest not in ('help',)]
    assert len(actions) >= 7
    assert all(a.help and len(a.help) > 10 for a in actions)
