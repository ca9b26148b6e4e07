# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import rasterio
from rasterio.transform import Affine
from rasterio.warp import calculate_default_transform, reproject

from torchgeo_ktextures.change import change
from torchgeo_ktextures.cli import main
from torchgeo_ktextures.maps.output import temporary_path

from ..label_maps import UTM, bands_of, regions, write_labels
from ..rasters import write_raster

#: Where the class is another one at the second date.
CHANGED = (slice(20, 44), slice(30, 60))


def later(labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    new = labels.copy()
    new[CHANGED] = (new[CHANGED] + 1) % 4
    return new


def write(
    path: Path, labels: npt.NDArray[Any], model: str | None = 'm', **profile: Any
) -> Path:
    write_labels(path, labels, **profile)
    with rasterio.open(path, 'r+') as dst:
        dst.set_band_description(1, 'class')
        if model:
            dst.update_tags(KTEXTURES_MODEL=model)
    return path


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    old = regions()
    return (
        write(tmp_path / 'place_2020-06_labels.tif', old),
        write(tmp_path / 'place_20210613_labels.tif', later(old)),
    )


def run(*args: object) -> None:
    main(['change', *map(str, args)])


def read(path: Path) -> npt.NDArray[Any]:
    with rasterio.open(path) as src:
        values: npt.NDArray[Any] = src.read(1)
    return values


def test_change(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / 'out'
    output = folder / 'change.tif'
    run(*pair, '--output', output, '--table', folder / 'table.csv')
    codes = read(output)
    labels = [read(path).astype(int) for path in pair]
    expected = change([np.where(one == 255, -1, one) for one in labels]).codes
    assert (codes == expected).all()
    with rasterio.open(output) as src, rasterio.open(pair[0]) as old:
        assert src.tags(ns='IMAGE_STRUCTURE')['LAYOUT'] == 'COG'
        assert (src.crs, src.transform, src.nodata) == (old.crs, old.transform, 255)
        names = json.loads(src.tags(1)['CLASS_NAMES'])
        about = json.loads(src.tags()['KTEXTURES_CHANGE'])
        assert (names[0], names[2], names[-1]) == (
            *('no change', 'class 0 to class 1', 'unknown'),
        )
        assert src.colormap(1)[0] != src.colormap(1)[2]
    assert about['dates'] == ['2020-06', '2021-06-13']
    style = (folder / 'change.qml').read_text()
    assert 'class 0 to class 1' in style
    assert 'class 0 to class 0' not in style  # no pixel has it
    table = pd.read_csv(folder / 'table.csv')
    assert list(table) == ['from', 'to', 'code', 'pixels', 'area_ha', 'percent']
    assert table['percent'].sum() == pytest.approx(100, abs=0.01)
    assert (table['area_ha'] / table['pixels']).to_numpy() == pytest.approx(0.01, 1e-3)
    moved = table[table['from'] != table['to']]
    assert moved['pixels'].sum() == ((codes > 0) & (codes < 17)).sum() > 700
    classes = pd.read_csv(folder / 'table_classes.csv')
    assert classes['gain_ha'].sum() == pytest.approx(classes['loss_ha'].sum(), 1e-4)
    said = capsys.readouterr().out
    assert 'hectares, 2020-06 in rows, 2021-06-13 in columns' in said
    assert '_labels.tif has no confidence' in said
    assert {path.name for path in folder.iterdir()} == {
        *('change.tif', 'change.tif.aux.xml', 'change.qml'),
        *('table.csv', 'table_classes.csv'),
    }


def test_same_map_twice(pair: tuple[Path, Path], tmp_path: Path) -> None:
    run(pair[0], pair[0], '--output', tmp_path / 'change.tif')
    assert set(np.unique(read(tmp_path / 'change.tif'))) == {0, 255}


def test_confidence_beside_the_maps(pair: tuple[Path, Path], tmp_path: Path) -> None:
    for path in pair:
        sure = np.full(read(path).shape, 80, np.uint8)
        sure[CHANGED] = 10
        beside = path.with_name(path.name.replace('_labels', '_confidence'))
        write(beside, sure, classes=0)
    output = tmp_path / 'change.tif'
    run(*pair, '--output', output)
    assert set(np.unique(read(output))) == {0, 255}
    sure = read(tmp_path / 'change_confidence.tif')
    assert (sure[50, 50], sure[30, 40], sure[0, 0]) == (64, 1, 255)
    run(*pair, '--output', output, '--min-confidence', 1)
    assert (read(output) > 0).any()
    run(*pair, '--output', output, '--confidence', 'none')
    assert ((read(output) > 0) & (read(output) < 17)).any()


def test_scenes_and_report(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenes = []
    for i, path in enumerate(pair):
        labels = read(path)
        labels[CHANGED] = read(pair[0])[CHANGED]  # the scenes show no change
        if i:
            labels[20:44, 30:42] = 3
        scenes.append(
            write_raster(tmp_path / f'scene{i}.tif', bands_of(labels), nodata=0, **UTM)
        )
    output, report = tmp_path / 'change.tif', tmp_path / 'change.html'
    images = [part for scene in scenes for part in ('--image', scene)]
    run(*pair, '--output', output, '--report', report, *images)
    codes = read(output)
    assert not ((codes > 0) & (codes < 17))[20:44, 48:60].any()
    assert ((codes > 0) & (codes < 17))[24:40, 33:39].mean() > 0.5
    text = report.read_text('utf-8')
    for part in ('<svg class="flows"', 'Scene, 2020-06', 'Classes, 2021-06-13', ' ha'):
        assert part in text
    assert text.count('<img ') == 5
    assert 'http' not in text.replace('http://www.w3.org', '')
    with pytest.raises(SystemExit):
        run(*pair, '--output', output, '--image', scenes[0])
    assert '1 of image are given for 2 maps' in capsys.readouterr().err


def test_series_of_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / 'maps'
    folder.mkdir()
    first = regions()
    for month, labels in enumerate((first, later(first), later(first), first), 1):
        write(folder / f'basemap_2020_0{month}_labels.tif', labels)
    write_raster(folder / 'scene.tif', bands_of(first), nodata=0, **UTM)
    output = tmp_path / 'change.tif'
    args = (folder, '--output', output, '--report', tmp_path / 'change.html')
    run(*args)
    codes = read(output)  # there and back, but for some pixels at edges
    assert ((codes > 0) & (codes < 17)).mean() < 0.002
    counts, dates = (read(tmp_path / f'change_{k}.tif') for k in ('count', 'date'))
    inside = counts == 2
    assert inside[CHANGED].mean() > 0.9
    assert set(np.unique(dates[inside])) == {3}
    with rasterio.open(tmp_path / 'change_date.tif') as src:
        names = json.loads(src.tags(1)['CLASS_NAMES'])
    assert names == ['no change', '2020-02', '2020-03', '2020-04', 'unknown']
    assert 'Date of the change' in (tmp_path / 'change.html').read_text('utf-8')
    run(*args, '--date', 'first')
    assert set(np.unique(read(tmp_path / 'change_date.tif')[inside])) == {1}


def test_warped_to_the_grid_of_the_first(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, other = tmp_path / 'change.tif', tmp_path / 'other_labels.tif'
    run(*pair, '--output', output)
    expected = (read(output) > 0) & (read(output) < 17)
    with rasterio.open(pair[1]) as src:
        transform, width, height = calculate_default_transform(
            src.crs, 'EPSG:32632', src.width, src.height, *src.bounds, resolution=4
        )
        warped = np.full((height, width), 255, np.uint8)
        reproject(
            *(rasterio.band(src, 1), warped),
            dst_transform=transform,
            dst_crs='EPSG:32632',
            dst_nodata=255,
        )
    write(other, warped, crs='EPSG:32632', transform=transform)
    capsys.readouterr()
    run(pair[0], other, '--output', output)
    assert 'other_labels.tif is warped to the grid of' in capsys.readouterr().out
    found = read(output)
    # The corners of a rotated map are known at one date only.
    known = (found != 17) & (found != 255)
    assert known.mean() > 0.8
    assert (((found > 0) & (found < 17)) == expected)[known].mean() > 0.97


def test_maps_of_another_model_are_aligned(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / 'out' / 'change.tif'
    run(*pair, '--output', output)
    expected = read(output)
    new = read(pair[1])
    names = np.append([2, 0, 3, 1], np.full(252, 255)).astype(np.uint8)
    write(pair[1], names[new], 'other')
    with pytest.raises(SystemExit):
        run(*pair, '--output', output)
    assert 'torchgeo-ktextures align' in capsys.readouterr().err
    before = pair[1].read_bytes()
    run(*pair, '--output', output, '--align', '--report', tmp_path / 'change.html')
    assert (read(output) == expected).all()
    assert pair[1].read_bytes() == before
    assert {path.suffix for path in output.parent.iterdir()} == {'.tif', '.xml', '.qml'}


def test_names_are_matched(tmp_path: Path) -> None:
    old = regions()
    maps = []
    for i, (labels, names) in enumerate(
        ((old, ['sea', 'wood', 'field', 'town']), (3 - later(old), ['town', 'field']))
    ):
        labels = np.where(old == 255, 255, labels).astype(np.uint8)
        maps.append(write(tmp_path / f'{i}.tif', labels, model=None))
        names = names if len(names) == 4 else [*names, 'wood', 'sea']
        with rasterio.open(maps[-1], 'r+') as dst:
            dst.update_tags(1, CLASS_NAMES=json.dumps(names))
    run(*maps, '--output', tmp_path / 'change.tif', '--table', tmp_path / 't.csv')
    table = pd.read_csv(tmp_path / 't.csv').set_index(['from', 'to'])
    assert table.loc[('sea', 'sea'), 'pixels'] > 1000
    assert {('sea', 'wood'), ('town', 'sea')} & set(table.index)
    assert ('sea', 'town') not in table.index


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'model': 'other'}, 'are of different models'),
        ({'k': 3}, 'bring both to one number with torchgeo-ktextures merge'),
        ({'named': True}, 'name the classes of both with torchgeo-ktextures relabel'),
        ({'transform': Affine(10, 0, 900_000, 0, -10, 5_000_000)}, 'do not overlap'),
        ({'crs': None, 'transform': Affine.identity()}, 'without georeference'),
        ({'bands': 2}, 'a label map has one'),
    ],
)
def test_maps_that_do_not_belong_together(
    change: dict[str, Any],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    old = write(tmp_path / 'old.tif', regions())
    model, k = change.pop('model', 'm'), change.pop('k', 4)
    named, bands = change.pop('named', False), change.pop('bands', 1)
    labels = regions(80) if 'crs' in change else regions()
    new = write(tmp_path / 'new.tif', labels, model, **change)
    if bands > 1:
        write_raster(new, np.zeros((2, 96, 112), np.uint8), **UTM)
    for path, number in ((old, 4), (new, k)):
        with rasterio.open(path, 'r+') as dst:
            content: dict[str, Any] = {'bands': [], 'classes': [{}] * number}
            dst.update_tags(1, KTEXTURES_CLASSES=json.dumps(content))
            if named and path == new:
                dst.update_tags(1, CLASS_NAMES='["a", "b", "c", "d"]')
    with pytest.raises(SystemExit) as error:
        run(old, new, '--output', tmp_path / 'change.tif')
    assert error.value.code == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) == 1
    assert {path.name for path in tmp_path.iterdir()} == {'old.tif', 'new.tif'}


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (('--min-area', '3 acres'), "write '0.5ha', '400m2' or '20px'"),
        (('--min-area', '9000ha'), 'give a smaller area'),
        (('--tolerance', '-1'), 'must be from 0 to 8'),
        (('--confidence', 'a.tif'), '1 of confidence are given for 2 maps'),
        (('--output', 'change.png'), 'ends in .tif'),
    ],
)
def test_options_that_do_not_fit(
    options: tuple[str, ...],
    message: str,
    pair: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = () if '--output' in options else ('--output', tmp_path / 'change.tif')
    with pytest.raises(SystemExit):
        run(*pair, *output, *options)
    assert message in capsys.readouterr().err


def test_min_area_in_square_metres(pair: tuple[Path, Path], tmp_path: Path) -> None:
    output = tmp_path / 'change.tif'
    for area, expected in (('400m2', True), ('9ha', False)):
        run(*pair, '--output', output, '--min-area', area)
        codes = read(output)
        assert ((codes > 0) & (codes < 17)).any() == expected


def test_no_input_is_overwritten(
    pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    before = pair[1].read_bytes()
    with pytest.raises(SystemExit):
        run(*pair, '--output', pair[1])
    assert 'would be overwritten' in capsys.readouterr().err
    assert pair[1].read_bytes() == before


def test_order_and_seasons_are_warned_of(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(*reversed(pair), '--output', tmp_path / 'change.tif')
    assert 'which is not that of their dates' in capsys.readouterr().err
    labels = ((regions() + 1) % 4).astype(np.uint8)
    labels[regions() == 255] = 255
    write(pair[1], labels)
    report = tmp_path / 'change.html'
    run(*pair, '--output', tmp_path / 'change.tif', '--report', report)
    assert 'so much is the season' in capsys.readouterr().err
    assert 'so much is the season' in report.read_text('utf-8')


def test_many_classes_need_two_bytes(tmp_path: Path) -> None:
    old = np.arange(40 * 40).reshape(40, 40) // 64 % 25
    new = old.copy()
    new[10:30, 10:30] = 24
    maps = [
        write(tmp_path / f'{i}.tif', labels.astype(np.uint8), classes=25)
        for i, labels in enumerate((old, new))
    ]
    run(*maps, '--output', tmp_path / 'change.tif')
    codes = read(tmp_path / 'change.tif')
    assert codes.dtype == np.uint16
    assert codes[20, 20] == 1 + old[20, 20] * 25 + 24


def test_leftovers_are_removed(pair: tuple[Path, Path], tmp_path: Path) -> None:
    output = tmp_path / 'out' / 'change.tif'
    output.parent.mkdir()
    stale = temporary_path(output, 'dates', '000000-99999999')
    here = temporary_path(output, 'dates')
    for folder in (stale, here):
        folder.mkdir()
        (folder / '0').write_bytes(b'0')
    run(*pair, '--output', output)
    assert not here.exists()
