# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The segment command on inputs as they are: small, damaged, changed, of other units."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.cli import main
from torchgeo_ktextures.inference.map_sink import MapSink

from .four_regions import agreement, four_regions
from .label_maps import UTM
from .rasters import labels_of, write_raster

NAMES = ('red', 'green', 'blue', 'nir')
FAST = ['--n-clusters', '4', '--steps', '3', '--device', 'cpu']


def write(path: Path, height: int = 96, width: int = 96, **kwargs: Any) -> Path:
    bands, _ = four_regions(height, width)
    data = (bands * 10_000).astype(np.uint16)
    return write_raster(path, data, **(UTM | {'nodata': 0, 'names': NAMES} | kwargs))


def segment(*args: object, fast: bool = True) -> None:
    main(['segment', *map(str, args), *(FAST if fast else FAST[4:])])


def fails(capsys: Any, *args: object, fast: bool = True) -> tuple[int, str]:
    with pytest.raises(SystemExit) as error:
        segment(*args, fast=fast)
    text: str = capsys.readouterr().err
    assert 'Traceback' not in text
    return int(str(error.value.code)), text


@pytest.fixture(scope='module')
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a scene, its map and the model."""
    folder = tmp_path_factory.mktemp('model')
    write(folder / 'scene.tif')
    segment(
        folder / 'scene.tif', '--output', folder / 'labels.tif',
        '--save-checkpoint', folder / 'model.ckpt',
    )  # fmt: skip
    return folder


def test_small_scenes_decide_nothing(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenes = [model / 'scene.tif']
    for height, width in ((1, 1), (10, 10), (3, 200)):
        scenes.append(write(tmp_path / f'{height}x{width}.tif', height, width))
    segment(*scenes, '--output', tmp_path / 'maps')
    printed = capsys.readouterr()
    assert '3 of 4 scenes are smaller than a patch of 96 x 96 pixels' in printed.err
    assert '\r' not in printed.out + printed.err
    alone = labels_of(model / 'labels.tif')
    assert (labels_of(tmp_path / 'maps' / 'scene_labels.tif') == alone).all()
    for scene in scenes[1:]:
        found = labels_of(tmp_path / 'maps' / f'{scene.stem}_labels.tif')
        assert f'{found.shape[0]}x{found.shape[1]}' == scene.stem
        assert (found < 4).all()
        assert str(tmp_path / 'maps' / f'{scene.stem}_labels.tif') in printed.out


@pytest.mark.parametrize(
    ('height', 'width', 'least'), [(8, 8, 0.0), (24, 24, 0.8), (20, 600, 0.8)]
)
def test_small_scene_alone(
    tmp_path: Path, height: int, width: int, least: float
) -> None:
    write(tmp_path / 'a.tif', height, width)
    segment(tmp_path / 'a.tif', '--output', tmp_path / 'b.tif', '--mask-stride', 2)
    _, truth = four_regions(height, width)
    assert agreement(truth, labels_of(tmp_path / 'b.tif')) > least


def test_too_small_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for size, text in ((1, '1 valid pixel'), (3, 'different cells')):
        path = write(tmp_path / f'{size}.tif', size, size)
        status, err = fails(capsys, path, '--output', tmp_path / 'b.tif')
        assert status == 2
        assert text in err
    assert not (tmp_path / 'b.tif').exists()


def test_others_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / 'scenes'
    folder.mkdir()
    write(folder / 'a.tif')
    (folder / 'b.tif').write_text('no raster')
    cut = write(folder / 'c.tif', 300, 300, tiled=True, blockxsize=64, blockysize=64)
    with cut.open('r+b') as file:
        file.truncate(cut.stat().st_size * 3 // 4)
    write_raster(folder / 'd.tif', np.ones((2, 96, 96), np.uint16), **UTM)
    write(folder / 'e.tif')
    status, err = fails(capsys, folder, '--output', tmp_path / 'maps')
    assert status == 1
    assert 'Failed: 3 of 5 scenes' in err
    for name in 'bcd':
        assert f'  {folder / name}.tif: ' in err
    maps = {p.name for p in (tmp_path / 'maps').iterdir()}
    ends = ('.tif', '.tif.aux.xml', '.qml')
    assert maps == {
        *('classes.yaml', 'classes_textures'),
        *(f'{name}_labels{end}' for name in 'ae' for end in ends),
    }
    _, truth = four_regions()
    assert agreement(truth, labels_of(tmp_path / 'maps' / 'a_labels.tif')) > 0.9
    status, err = fails(
        capsys, folder, '--output', tmp_path / 'more', '--on-error', 'stop'
    )
    assert status == 1
    assert 'b.tif is not a readable raster' in err
    assert not (tmp_path / 'more').exists()
    # One scene alone stops in any case.
    status, err = fails(capsys, folder / 'b.tif', '--output', tmp_path / 'b.tif')
    assert status == 1


def test_done_is_known_for_sure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bands, _ = four_regions()
    write(tmp_path / 'source.tif')
    (tmp_path / 'scene.vrt').write_text(
        '<VRTDataset rasterXSize="96" rasterYSize="96">'
        + ''.join(
            f'<VRTRasterBand dataType="UInt16" band="{i}"><NoDataValue>0</NoDataValue>'
            '<SimpleSource><SourceFilename relativeToVRT="1">source.tif'
            f'</SourceFilename><SourceBand>{i}</SourceBand></SimpleSource>'
            '</VRTRasterBand>'
            for i in (1, 2, 3, 4)
        )
        + '</VRTDataset>'
    )
    run: list[object] = [
        tmp_path / 'scene.vrt', '--output', tmp_path / 'labels.tif',
        '--save-checkpoint', tmp_path / 'model.ckpt', '--confidence', 'true',
    ]  # fmt: skip
    segment(*run)
    out = capsys.readouterr().out
    for name in ('labels.tif', 'labels_confidence.tif', 'model.ckpt', 'classes.yaml'):
        assert f'\n  {tmp_path / name}' in out
    with monkeypatch.context() as patch:
        patch.setattr(KTexturesSegmenter, 'fit_model', None)
        segment(*run)
        assert 'there already' in capsys.readouterr().out
        legend = tmp_path / 'classes.yaml'
        legend.write_text(
            legend.read_text().replace("\n  name: ''", '\n  name: sea', 1)
        )
        segment(*run)  # names are no reason to fit, and stay
        assert 'there already' in capsys.readouterr().out
        assert 'name: sea' in legend.read_text()
    data = (bands * 10_000).astype(np.uint16)
    data[:, :30] = 0
    write_raster(tmp_path / 'source.tif', data, nodata=0, **UTM)
    status, err = fails(capsys, *run)
    assert status == 2
    assert 'classes.yaml is there already and has been edited' in err
    legend.unlink()
    segment(*run)
    assert 'there already' not in capsys.readouterr().out
    assert (labels_of(tmp_path / 'labels.tif')[:30] == 255).all()


def test_maps_in_the_folder_of_the_scenes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / 'a.tif')
    write(tmp_path / 'b.tif')
    segment(tmp_path, '--output', tmp_path)
    capsys.readouterr()
    before = {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    segment(tmp_path, '--output', tmp_path)
    printed = capsys.readouterr().out
    assert 'Not taken as scenes (maps made earlier)' in printed
    assert 'All of this was there already' in printed
    assert before == {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()}


def test_another_process_was_faster(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes = [shutil.copy2(model / 'scene.tif', tmp_path / f'{n}.tif') for n in 'ab']
    given: list[object] = [*scenes, '--checkpoint', model / 'model.ckpt', '--output']
    segment(*given, tmp_path / 'one', fast=False)
    complete = MapSink._complete
    opened = []

    def finish(self: MapSink, key: tuple[int, str]) -> None:
        opened.append(key[0])
        for name in ('a_labels.tif', 'b_labels.tif'):
            shutil.copy2(tmp_path / 'one' / name, tmp_path / 'two' / name)
        complete(self, key)

    monkeypatch.setattr(MapSink, '_complete', finish)
    segment(*given, tmp_path / 'two', '--tile-size', 32, fast=False)
    # The second map was found done, or was done at most once more.
    one, two = (
        {p.name: p.stat().st_mtime_ns for p in (tmp_path / n).glob('*.tif')}
        for n in ('one', 'two')
    )
    assert one == two
    assert not list((tmp_path / 'two').glob('.*'))


def test_scene_in_other_units(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bands, _ = four_regions()
    same = write_raster(tmp_path / 'reflectance.tif', bands, names=NAMES, **UTM)
    given: list[object] = [same, '--checkpoint', model / 'model.ckpt', '--output']
    segment(*given, tmp_path / 'a.tif', fast=False)
    err = capsys.readouterr().err
    assert 'lies outside the range that the model was fitted to' in err
    assert 'scale=0.0001 would bring them near (it was fitted to uint16 with' in err
    segment(*given, tmp_path / 'b.tif', '--scale', '0.0001', fast=False)
    assert 'warning' not in capsys.readouterr().err
    same_labels = labels_of(tmp_path / 'b.tif') == labels_of(model / 'labels.tif')
    assert same_labels.mean() > 0.99
    # Or by what each scene has of its own.
    bright = write(tmp_path / 'bright.tif')
    with rasterio.open(bright, 'r+') as dst:
        dst.write((dst.read() * 2.5 + 900).astype(np.uint16))
    given[0] = bright
    segment(*given, tmp_path / 'c.tif', fast=False)
    assert 'outside the range' in capsys.readouterr().err
    _, truth = four_regions()
    assert agreement(truth, labels_of(tmp_path / 'c.tif')) < 0.8
    segment(*given, tmp_path / 'd.tif', '--normalize', 'scene', fast=False)
    assert 'warning' not in capsys.readouterr().err
    same_labels = labels_of(tmp_path / 'd.tif') == labels_of(model / 'labels.tif')
    assert same_labels.mean() > 0.98


def test_one_class_and_other_pixels(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bands, _ = four_regions(192, 192)
    data = (bands * 10_000).astype(np.uint16)[:, :96, :96]
    coarse = {'transform': Affine(60, 0, 5e5, 0, -60, 5e6), 'crs': 'EPSG:32633'}
    scene = write_raster(tmp_path / 'sea.tif', data, names=NAMES, **coarse)
    segment(
        scene, '--checkpoint', model / 'model.ckpt', '--output', tmp_path / 'a.tif',
        fast=False,
    )  # fmt: skip
    err = capsys.readouterr().err
    assert 'pixels are 60 m wide, those that the model was fitted to 10 m' in err
    assert '% of the map is class' in err
    assert '25.' in err  # percent of the training pixels


def test_scenes_in_other_light(tmp_path: Path) -> None:
    bands, truth = four_regions()
    paths = []
    for name, gain, offset in (('june', 1, 0), ('july', 2.5, 900)):
        data = (bands * 10_000 * gain + offset).astype(np.uint16)
        path = tmp_path / f'{name}.tif'
        paths.append(write_raster(path, data, names=NAMES, nodata=0, **UTM))
    segment(*paths, '--output', tmp_path / 'maps', '--normalize', 'scene')
    one, two = (labels_of(tmp_path / 'maps' / f'{p.stem}_labels.tif') for p in paths)
    assert (one == two).mean() > 0.99
    assert agreement(truth, one) > 0.9


def test_striped_scene(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Gaps shifted from band to band, as of Landsat 7 since 2003.
    bands, truth = four_regions()
    data = (bands * 10_000).astype(np.uint16)
    rows = np.arange(96)
    gaps = [(rows + 3 * shift) % 24 < 5 for shift in range(4)]
    for band, gap in zip(data, gaps, strict=True):
        band[gap] = 0
    scene = write_raster(tmp_path / 'l7.tif', data, names=NAMES, nodata=0, **UTM)
    segment(scene, '--output', tmp_path / 'any.tif')
    assert '% of the pixels have some of the bands only' in capsys.readouterr().err
    segment(scene, '--output', tmp_path / 'all.tif', '--invalid-if', 'all')
    assert 'warning' not in capsys.readouterr().err
    every, some = np.all(gaps, 0), np.any(gaps, 0)
    assert ((labels_of(tmp_path / 'any.tif') == 255) == some[:, None]).all()
    labels = labels_of(tmp_path / 'all.tif')
    assert ((labels == 255) == every[:, None]).all()
    assert agreement(truth, labels, ~every[:, None]) > 0.85


def test_names_of_outputs(
    tmp_path: Path,
    model: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    for name in ('labels.img', 'labels.vrt', 'labels.png'):
        status, err = fails(capsys, model / 'scene.tif', '--output', tmp_path / name)
        assert status == 2
        assert 'is not a GeoTIFF; give a name that ends in .tif' in err
        assert not (tmp_path / name).exists()
    segment(
        model / 'scene.tif', '--checkpoint', model / 'model.ckpt', '--output', '~/x.tif',
        fast=False,
    )  # fmt: skip
    assert (tmp_path / 'x.tif').exists()


def test_threads_rest_unless_told_otherwise(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ('OMP_WAIT_POLICY', 'KMP_BLOCKTIME', 'GOMP_SPINCOUNT')
    for given, expected in ((None, 'passive'), ('active', 'active')):
        for name in names:
            monkeypatch.delenv(name, raising=False)
        if given:
            monkeypatch.setenv('OMP_WAIT_POLICY', given)
        fails(capsys, 'missing.tif', '--output', 'a.tif')
        assert os.environ['OMP_WAIT_POLICY'] == expected
