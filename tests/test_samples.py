# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""From a scene to a supervised map, as the README says."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import yaml
from torchgeo.main import main as torchgeo

from torchgeo_ktextures.cli import main

from .label_maps import UTM, bands_of, regions, write_labels
from .rasters import scene_pixels, write_raster

CONFIG = Path(__file__).parents[1] / 'configs' / 'supervised.yaml'


def fill_in(legend: Path, names: dict[int, str | None]) -> None:
    """Write names into a legend, as a user does in an editor."""
    text = legend.read_text()
    for index, name in names.items():
        line = f'name: {"null" if name is None else name}'
        text = re.sub(rf"(- index: {index}\n  )name: ''", rf'\g<1>{line}', text)
    legend.write_text(text)


def test_scene_to_supervised_map(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # output folders are relative
    data = scene_pixels(128, 160).astype(np.uint16)
    data[:, :10, :20] = 0
    write_raster(Path('scene.tif'), data, nodata=0)

    segment = 'segment scene.tif --n-clusters 3 --steps 6 --output output/labels.tif '
    Path('output').mkdir()
    main([*segment.split(), '--progress', 'false', '--device', 'cpu'])
    with rasterio.open('output/labels.tif') as src:
        labels = src.read(1)
    # The smooth dark half and the rough bright one.
    dark = np.bincount(labels[:, :80][labels[:, :80] != 255], minlength=3)
    bright = np.bincount(labels[:, 80:].ravel(), minlength=3)
    names = {i: 'water' if dark[i] > bright[i] else 'forest' for i in range(3)}
    fill_in(Path('output/classes.yaml'), dict(names))

    relabel = 'relabel output/labels.tif --classes output/classes.yaml --output '
    main([*relabel.split(), 'output/named.tif', '--min-area', '16px'])
    export = 'export output/named.tif --image scene.tif --output output/samples'
    main([*export.split(), '--chip-size', '32', '--points', '20'])

    config = ['--config', str(CONFIG), '--config', 'output/samples/training.yaml']
    fit = '--trainer.max_epochs 1 --trainer.enable_progress_bar false '
    fit += '--data.batch_size 4 --data.length 120'  # as many steps, which are smaller
    torchgeo(['fit', *config, *fit.split()])
    for verb in ('test', 'predict'):
        torchgeo([verb, *config, '--ckpt_path', 'output/supervised/unet.ckpt'])
    with (
        rasterio.open('scene.tif') as scene,
        rasterio.open('output/named.tif') as named,
        rasterio.open('output/supervised/scene_supervised.tif') as dst,
    ):
        grid = scene.crs, scene.transform, scene.shape
        assert (dst.crs, dst.transform, dst.shape) == grid
        assert dst.nodata == 255
        classes = json.loads(dst.tags(1)['CLASS_NAMES'])
        assert sorted(classes) == ['forest', 'water']
        found, taught = dst.read(1), named.read(1)
        for code, name in enumerate(classes):
            color = bytes(named.colormap(1)[code][:3]).hex()
            assert color == bytes(dst.colormap(1)[code][:3]).hex()
            style = Path('output/supervised/scene_supervised.qml').read_text()
            assert f'value="{code}" label="{name}" color="#{color}"' in style
    assert ((found == 255) == (data == 0).all(0)).all()
    assert set(np.unique(found)) == {0, 1, 255}
    truth = np.full(found.shape, classes.index('water'))
    truth[:, 80:] = classes.index('forest')
    inside = found != 255
    assert (taught == truth)[inside].mean() > 0.9
    assert (found == truth)[inside].mean() > 0.9


def fails(capsys: pytest.CaptureFixture[str], *args: object) -> str:
    """Run a command that fails; the one line it says."""
    with pytest.raises(SystemExit) as error:
        main([str(arg) for arg in args])
    assert error.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def legend(path: Path, *names: str | None) -> Path:
    """A classes file with a name for each cluster."""
    entries = [{'index': i, 'name': name} for i, name in enumerate(names)]
    path.write_text(yaml.safe_dump({'classes': entries}))
    return path


@pytest.mark.parametrize(
    ('names', 'match'),
    [
        ('abcde', 'cluster 4 of the classes file is not in .*labels.tif'),
        ('abc', 'has cluster 3, which has no entry in the classes file; add one'),
        (['Sea', 'a', 'b', 'sea'], 'differ only in case; spell them alike'),
        ([None] * 4, 'drops all 4 clusters .*keep at least one'),
    ],
)
def test_bad_names(
    names: Any, match: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = write_labels(tmp_path / 'labels.tif', regions())
    classes = legend(tmp_path / 'classes.yaml', *names)
    output = tmp_path / 'named.tif'
    said = fails(capsys, 'relabel', labels, '--classes', classes, '--output', output)
    assert re.search(match, said)
    assert not output.exists()


def test_bad_rasters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = write_labels(tmp_path / 'labels.tif', regions())
    scene = write_raster(tmp_path / 'scene.tif', bands_of(regions()), nodata=0, **UTM)
    small = write_raster(tmp_path / 'small.tif', bands_of(regions(50, 50)), **UTM)
    sure = write_raster(tmp_path / 'sure.tif', np.ones((1, 50, 50), np.uint8), **UTM)
    bare = tmp_path / 'bare.tif'
    with rasterio.open(
        bare, 'w', driver='GTiff', width=112, height=96, count=1, dtype='uint8'
    ) as dst:
        dst.write(regions(), 1)
    out = tmp_path / 'out'

    def export(labels: Path, image: Path, *more: object) -> str:
        said = fails(capsys, 'export', labels, '--image', image, '--output', out, *more)
        assert not out.exists()
        return said

    said = export(labels, small)
    assert 'different grids: 96 x 112 and 50 x 50 pixels; use rasters of' in said
    assert 'different grids' in export(labels, scene, '--confidence', sure)
    assert 'bare.tif has no georeference' in export(bare, scene)
    assert 'a split would be empty; use a smaller block_size' in export(
        labels, scene, '--block-size', 96
    )
    classes = legend(tmp_path / 'classes.yaml', *'abcd')
    said = fails(
        capsys,
        *('relabel', bare, '--classes', classes, '--output', tmp_path / 'a.tif'),
        *('--min-area', '1ha'),
    )
    assert "has no georeference; give the area in pixels, as in '20px'" in said
    said = fails(
        capsys,
        *('relabel', labels, '--classes', classes, '--output', tmp_path / 'a.tif'),
        *('--confidence', sure, '--min-confidence', 10),
    )
    assert 'different grids' in said


def test_exit_status_of_files_that_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = write_labels(tmp_path / 'labels.tif', regions())
    classes = legend(tmp_path / 'classes.yaml', *'abcd')
    broken = tmp_path / 'broken.tif'
    broken.write_bytes(labels.read_bytes()[:-5000])
    text = tmp_path / 'text.tif'
    text.write_text('no raster')
    none = tmp_path / 'none'
    out = '--output', tmp_path / 'named.tif'
    for args, match in {
        (none, '--classes', classes): "label map '.*none' does not exist",
        (labels, '--classes', none): "classes file '.*none' does not exist",
        (labels, '--classes', tmp_path): r'cannot be read \(Is a directory\)',
        (labels, '--points', none): "points '.*none' do not exist",
        (labels, '--points', text): "points '.*text.tif' cannot be read",
        (text, '--classes', classes): "label map '.*text.tif' cannot be read",
        (broken, '--classes', classes): r'broken.tif.* cannot be read .*fresh copy',
    }.items():
        with pytest.raises(SystemExit) as error:
            main(['relabel', *map(str, (*args, *out))])
        assert error.value.code == 1
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1
        assert re.search(match, lines[0])
        assert not (tmp_path / 'named.tif').exists()
