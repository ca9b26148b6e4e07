# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What the segment command refuses, and what it leaves when it is stopped."""

import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from rio_cogeo.cogeo import cog_validate

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.cli import main
from torchgeo_ktextures.inference.map_sink import MapSink
from torchgeo_ktextures.maps.output import this_process

from .command import fails, segment
from .rasters import TRANSFORM, scene_pixels, write_raster, write_scene


@pytest.fixture(scope='module')
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a scene was segmented."""
    folder = tmp_path_factory.mktemp('done')
    scene = write_scene(folder / 'scene.tif')
    output, model = folder / 'labels.tif', folder / 'model.ckpt'
    segment(scene, '--output', output, '--save-checkpoint', model)
    return folder


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


def test_usage_errors(capsys: pytest.CaptureFixture[str]) -> None:
    for args in (['segment'], ['segment', 'a.tif'], ['nothing'], []):
        with pytest.raises(SystemExit) as error:
            main(args)
        assert error.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 4  # a sentence each
    with pytest.raises(SystemExit, match='0'):
        main(['segment', '--help'])
    assert '--n-clusters' in capsys.readouterr().out


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
