# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The segment command, as a user calls it."""

import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
import yaml
from rasterio.transform import Affine
from rio_cogeo.cogeo import cog_validate

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.cli import main
from torchgeo_ktextures.clustering import initialization
from torchgeo_ktextures.inference.map_sink import MapSink
from torchgeo_ktextures.inference.origin import model_id
from torchgeo_ktextures.maps.output import this_process
from torchgeo_ktextures.maps.reading import MODEL_TAG

from .rasters import TRANSFORM, scene_pixels, write_raster, write_scene

FAST = ['--n-clusters', '2', '--steps', '4', '--progress', 'false', '--device', 'cpu']


def segment(*args: object) -> None:
    main(['segment', *FAST, *map(str, args)])


def fails(capsys: pytest.CaptureFixture[str], *args: object, status: int = 2) -> str:
    """Run a command that fails; the sentence it ends with."""
    with pytest.raises(SystemExit) as error:
        segment(*args)
    assert error.value.code == status
    lines = capsys.readouterr().err.strip().splitlines()
    assert not any('Traceback' in line for line in lines)
    return lines[-1]


def dead_process() -> str:
    """Name of a process of this host that has ended."""
    ended = subprocess.Popen([sys.executable, '-c', ''])
    ended.wait()
    return f'{this_process().split("-")[0]}-{ended.pid}'


def contents(folder: Path) -> dict[str, bytes]:
    """Bytes of all files, but for the times in reports."""
    files = [path for path in folder.rglob('*') if path.is_file()]
    return {
        str(path.relative_to(folder)): re.sub(b'<time.*?</time>', b'', data)
        if path.suffix == '.html'
        else data
        for path in files
        for data in [path.read_bytes()]
    }


@pytest.fixture(scope='module')
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a scene was segmented, with all there is."""
    folder = tmp_path_factory.mktemp('done')
    write_scene(folder / 'scene.tif')
    segment(
        folder / 'scene.tif',
        '--output', folder / 'labels.tif',
        '--confidence', 'true',
        '--save-checkpoint', folder / 'model.ckpt',
        '--report', folder / 'report.html',
        '--mask-stride', '4',
    )  # fmt: skip
    return folder


def test_map(done: Path) -> None:
    valid, errors, _ = cog_validate(done / 'labels.tif')
    assert valid, errors
    with (
        rasterio.open(done / 'scene.tif') as src,
        rasterio.open(done / 'labels.tif') as dst,
        rasterio.open(done / 'labels_confidence.tif') as sure,
    ):
        assert (dst.crs, dst.transform, dst.shape) == (
            src.crs,
            src.transform,
            src.shape,
        )
        missing = (src.read() == 0).all(0)
        labels, percent = dst.read(1), sure.read(1)
        assert dst.nodata == 255
        legend = yaml.safe_load((done / 'classes.yaml').read_text())['classes']
        assert [dst.colormap(1)[i][:3] for i in range(2)] == [
            tuple(entry['color']) for entry in legend
        ]
        assert dst.tags(1)['STATISTICS_MAXIMUM'] == str(labels[~missing].max())
    assert (missing == (labels == 255)).all()
    assert (missing == (percent == 255)).all()
    assert percent[~missing].max() <= 100
    assert set(np.unique(labels)) <= {0, 1, 255}


#: What fits and looks at models, and takes long to load.
HEAVY = {
    'geopandas',
    'kornia',
    'lightning',
    'pandas',
    'sklearn',
    'timm',
    'torchgeo',
    'torchmetrics',
    'torchvision',
}


def test_checkpoint_is_applied_by_torch_alone(done: Path, tmp_path: Path) -> None:
    out, saved = tmp_path / 'labels.tif', tmp_path / 'model.ckpt'
    code = 'import sys; from torchgeo_ktextures.cli import main; main(sys.argv[1:]); '
    code += 'print(*sys.modules, sep="\\n")'
    result = subprocess.run(
        [
            *(sys.executable, '-c', code, 'segment', done / 'scene.tif', '--output'),
            *(out, '--confidence', '--checkpoint', done / 'model.ckpt'),
            *('--save-checkpoint', saved, '--device', 'cpu'),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    assert not HEAVY & set(result.stdout.splitlines())
    for name in 'labels.tif', 'labels_confidence.tif':
        with rasterio.open(done / name) as one, rasterio.open(tmp_path / name) as two:
            assert np.array_equal(one.read(), two.read())
            assert one.tags()[MODEL_TAG] == two.tags()[MODEL_TAG]
    # Nothing of what was fitted is lost.
    one, two = (KTexturesSegmenter.load(path) for path in (done / 'model.ckpt', saved))
    assert one.get_params() == two.get_params() | {'verbose': False}
    assert model_id(one.task_) == model_id(two.task_)
    assert one.history_.values == two.history_.values


def test_beside_the_map(done: Path) -> None:
    classes = yaml.safe_load((done / 'classes.yaml').read_text())['classes']
    assert [c['name'] for c in classes] == ['', '']
    with rasterio.open(done / 'labels.tif') as src:
        labels = src.read(1)
    with rasterio.open(done / 'scene.tif') as src:
        bands = src.read().astype(float)
    for c in classes:
        inside = labels == c['index']
        assert c['pixels'] == inside.sum()
        if inside.any():
            assert c['spectrum']['red'] == pytest.approx(bands[0][inside].mean(), 1e-4)
        assert (done / c['texture']).exists()
    page = (done / 'report.html').read_text()
    # Maps as they are; scenes, textures and examples as photographs.
    assert page.count('src="data:image/png;base64,') == 2
    assert page.count('src="data:image/jpeg;base64,') == 2 + 2 + len(
        [c for c in classes if c['pixels']]
    )
    # Of two classes there is no tree.
    assert 'id="k"' not in page
    assert 'Tree of classes' not in page


def test_summary(
    done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / 'again.tif'
    segment(done / 'scene.tif', '--output', out, '--checkpoint', done / 'model.ckpt')
    printed = capsys.readouterr().out
    assert 'hectares' in printed
    assert str(out) in printed
    with rasterio.open(out) as one, rasterio.open(done / 'labels.tif') as two:
        assert (one.read(1) == two.read(1)).all()
    # the estimator gives the same labels
    labels: Any = KTexturesSegmenter.load(done / 'model.ckpt').predict(
        done / 'scene.tif'
    )
    with rasterio.open(out) as src:
        assert (np.where(labels < 0, 255, labels) == src.read(1)).all()


def test_same_seed_same_bytes(done: Path, tmp_path: Path) -> None:
    segment(done / 'scene.tif', '--output', tmp_path / 'a.tif', '--mask-stride', '4')
    assert (tmp_path / 'a.tif').read_bytes() == (done / 'labels.tif').read_bytes()


def test_several_scenes(tmp_path: Path) -> None:
    right = TRANSFORM @ Affine.translation(101, 0)
    one = write_scene(tmp_path / 'one.tif')
    two = write_raster(tmp_path / 'two.tif', scene_pixels(seed=1), transform=right)
    for kind in ('vrt', 'tif'):
        maps = tmp_path / kind
        segment(one, two, '--output', maps, '--mosaic', kind)
        with rasterio.open(maps / f'mosaic.{kind}') as src:
            assert src.shape == (75, 202)
            colors = src.colormap(1)
            whole = src.read(1)
        for i, name in enumerate(('one', 'two')):
            with rasterio.open(maps / f'{name}_labels.tif') as src:
                assert (src.read(1) == whole[:, 101 * i : 101 * (i + 1)]).all()
                assert src.colormap(1) == colors


def test_stride_in_metres(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = write_scene(tmp_path / 'scene.tif')
    out, model = tmp_path / 'labels.tif', tmp_path / 'model.ckpt'
    segment(scene, '--output', out, '--mask-stride', '40m', '--save-checkpoint', model)
    # pixels of Web Mercator at 11 degrees north are 4.69 m wide
    assert KTexturesSegmenter.load(model).mask_stride == 8
    text = fails(capsys, scene, '--output', out, '--mask-stride', '4km')
    assert "'4km' is neither pixels" in text


def test_odd_scenes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rotated = TRANSFORM @ Affine.rotation(20)
    path = write_raster(tmp_path / 'rotated.tif', scene_pixels(), transform=rotated)
    segment(path, '--output', tmp_path / 'a.tif')
    with rasterio.open(tmp_path / 'a.tif') as src:
        assert src.transform.almost_equals(rotated)
    bare = write_raster(tmp_path / 'bare.tif', scene_pixels(), crs=None, transform=None)
    (tmp_path / 'classes.yaml').unlink()
    segment(bare, '--output', tmp_path / 'b.tif')
    printed = capsys.readouterr().out
    assert 'no georeference' in printed
    assert 'Areas are in pixels' in printed
    rgb = write_raster(tmp_path / 'rgb.tif', scene_pixels(bands=3))
    segment(rgb, '--output', tmp_path / 'c.tif')


def test_bad_input(
    done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene, model = done / 'scene.tif', done / 'model.ckpt'
    out = tmp_path / 'labels.tif'

    def text(*args: object, status: int = 2) -> str:
        return fails(capsys, *args, status=status)

    for args, match in {
        (tmp_path / 'nowhere.tif', '--output', out): 'nowhere.tif',
        (scene, '--output', '/no/folder/x.tif'): 'does not exist; make it',
        (scene, '--output', '/proc/x.tif'): "'/proc' cannot be written to",
        (scene, '--output', out, '--report', '/no/x.html'): 'does not exist; make it',
    }.items():
        assert match in text(*args, status=1)
    (tmp_path / 'labels').mkdir()
    same = write_scene(tmp_path / 'labels' / 'scene.tif')
    assert 'scene_labels.tif would be written twice' in text(
        scene, same, '--output', tmp_path / 'maps'
    )
    assert 'would be overwritten' in text(scene, '--output', scene)
    assert "no band 'swir'" in text(scene, '--output', out, '--bands', '[red, swir, 1]')
    assert 'is one map, but' in text(scene, done / 'labels.tif', '--output', out)
    assert 'tile_size=0 must' in text(scene, '--output', out, '--tile-size', '0')
    assert 'mask_stride=3' in text(scene, '--output', out, '--mask-stride', '3')
    assert "device='nothing'" in text(scene, '--output', out, '--device', 'nothing')
    given = ('--checkpoint', model)
    assert 'n_clusters=5 does not fit checkpoint' in text(
        scene, '--output', out, *given, '--n-clusters', '5'
    )
    assert 'bands' in text(scene, '--output', out, *given, '--bands', '[1, 2, 3]')
    (tmp_path / 'bad.ckpt').write_bytes(b'no checkpoint')
    assert 'is not a checkpoint' in text(
        scene, '--output', out, '--checkpoint', tmp_path / 'bad.ckpt'
    )
    assert 'many' in text(scene, '--output', out, '--steps', 'many')
    other = write_raster(
        tmp_path / 'other.tif', scene_pixels(), crs='EPSG:32633', transform=TRANSFORM
    )
    assert 'a mosaic needs one' in text(
        scene, other, '--output', tmp_path / 'maps', '--mosaic', 'tif'
    )
    named = (done / 'classes.yaml').read_text().replace("  name: ''", '  name: sea', 1)
    (tmp_path / 'classes.yaml').write_text(named)
    assert 'has been edited' in text(scene, '--output', out)
    assert not out.exists()
    assert not list(tmp_path.glob('.*'))


def test_more_than_255_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # How good they are is of no matter here.
    monkeypatch.setattr(initialization, 'MEMBER_CLASSES', (0.05,))
    scene = write_scene(tmp_path / 'scene.tif')
    out = tmp_path / 'labels.tif'
    segment(scene, '--output', out, '--n-clusters', '256', '--steps', '1')
    with rasterio.open(out) as src:
        assert (src.dtypes[0], src.nodata) == ('uint16', 65535)
        labels = src.read(1)
    with rasterio.open(scene) as src:
        assert ((labels == 65535) == (src.read() == 0).all(0)).all()
    assert labels[labels < 65535].max() < 256


def test_usage_errors(capsys: pytest.CaptureFixture[str]) -> None:
    for args in (['segment'], ['segment', 'a.tif'], ['nothing'], []):
        with pytest.raises(SystemExit) as error:
            main(args)
        assert error.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 4  # a sentence each
    with pytest.raises(SystemExit, match='0'):
        main(['segment', '--help'])
    assert '--n-clusters' in capsys.readouterr().out


def test_heavy_imports_wait() -> None:
    code = (
        'import sys, torchgeo_ktextures.cli as c; c.make_parser(); '
        'sys.exit(bool({"torch", "lightning", "sklearn", "rasterio"} & set(sys.modules)))'
    )
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0


def test_goes_on_where_it_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scenes = [
        write_raster(tmp_path / f'{i}.tif', scene_pixels(seed=i)) for i in range(3)
    ]

    def run(name: str) -> list[object]:
        output = tmp_path / name
        return [*scenes, '--output', output, '--report', output / 'report.html']

    segment(*run('whole'))
    complete = MapSink._complete

    def stop(self: MapSink, key: tuple[int, str]) -> None:
        if key[0] == 1:
            raise KeyboardInterrupt
        complete(self, key)

    with monkeypatch.context() as patch:
        patch.setattr(MapSink, '_complete', stop)
        text = fails(capsys, *run('maps'), status=130)
    assert 'The same command goes on' in text
    names = [path.name for path in (tmp_path / 'maps').glob('*.tif')]
    assert '0_labels.tif' in names
    assert '1_labels.tif' not in names
    stamp = (tmp_path / 'maps' / '0_labels.tif').stat().st_mtime_ns
    segment(*run('maps'))
    assert 'Going on with the model' in capsys.readouterr().out
    assert (tmp_path / 'maps' / '0_labels.tif').stat().st_mtime_ns == stamp
    assert contents(tmp_path / 'maps') == contents(tmp_path / 'whole')
    # Once all is there, nothing is fitted any more, and what is left goes.
    with monkeypatch.context() as patch:
        patch.setattr(KTexturesSegmenter, 'fit_model', None)
        segment(*run('maps'))
        assert 'there already' in capsys.readouterr().out
        (tmp_path / 'maps' / 'report.html').write_text('of another run')
        fails(capsys, *run('maps'))
    left = tmp_path / 'maps' / f'.2_labels.tif.{dead_process()}.0.unfinished'
    left.write_bytes(b'of a run that was killed as the map was complete')
    segment(*run('maps'))
    assert contents(tmp_path / 'maps') == contents(tmp_path / 'whole')


def test_killed(tmp_path: Path) -> None:
    scenes = [
        str(write_raster(tmp_path / f'{i}.tif', scene_pixels(seed=i))) for i in range(3)
    ]
    maps = tmp_path / 'maps'
    # A copy of this process has all imports already, but CUDA does not survive in one.
    method = 'spawn' if torch.cuda.is_available() else 'fork'
    process = multiprocessing.get_context(method).Process(  # type: ignore[attr-defined]
        target=segment, args=(*scenes, '--output', maps)
    )
    process.start()
    while process.is_alive() and not (maps / '0_labels.tif').exists():
        time.sleep(0.005)
    process.kill()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)  # it may have been faster
    for path in maps.glob('*.tif'):
        valid, errors, _ = cog_validate(path)
        assert valid, errors
    segment(*scenes, '--output', maps)
    segment(*scenes, '--output', tmp_path / 'whole')
    for name in ('0', '1', '2'):
        one, two = (tmp_path / f / f'{name}_labels.tif' for f in ('whole', 'maps'))
        assert one.read_bytes() == two.read_bytes()


def test_full_disk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    disk = tmp_path / 'disk'
    disk.mkdir()
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=1M', 'tmpfs', str(disk)]
    if os.geteuid() or not shutil.which('mount'):
        pytest.skip('needs the right to mount a small disk')
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip('a small disk cannot be mounted here')
    try:
        scene = write_scene(tmp_path / 'scene.tif')
        text = fails(capsys, scene, '--output', disk / 'labels.tif', status=1)
        assert 'cannot be written' in text
        assert not list(disk.glob('*.tif'))
    finally:
        subprocess.run(['umount', '-l', str(disk)], check=True)
