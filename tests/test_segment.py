# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What the segment command writes."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import yaml
from rasterio.transform import Affine
from rio_cogeo.cogeo import cog_validate

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.clustering import initialization
from torchgeo_ktextures.inference.origin import model_id
from torchgeo_ktextures.maps.reading import MODEL_TAG

from .command import fails, segment
from .rasters import TRANSFORM, scene_pixels, write_raster, write_scene


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


def test_heavy_imports_wait() -> None:
    code = (
        'import sys, torchgeo_ktextures.cli as c; c.make_parser(); '
        'sys.exit(bool({"torch", "lightning", "sklearn", "rasterio"} & set(sys.modules)))'
    )
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0
