# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import yaml
from rasterio.transform import Affine
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torchgeo.main import main

from torchgeo_ktextures.colors import class_colors

from .rasters import scene_pixels, write_raster, write_scene

CONFIGS = Path(__file__).parents[1] / 'configs'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The quickstart, made small, in a folder of its own."""
    content = yaml.safe_load((CONFIGS / 'quickstart.yaml').read_text())
    text = yaml.safe_dump(content).replace('output/quickstart', str(tmp_path / 'out'))
    content = yaml.safe_load(text)
    content['trainer'] |= {'enable_progress_bar': False, 'log_every_n_steps': 1}
    content['model']['init_args'] |= {'num_classes': 3, 'init_patches': 16}
    content['data']['init_args'] |= {'patch_size': 48, 'length': 48}
    content['data']['init_args'] |= {'predict_tile_size': 64, 'margin': 96}
    path = tmp_path / 'small.yaml'
    path.write_text(yaml.safe_dump(content))
    return path


def test_fit_and_predict(config: Path, tmp_path: Path) -> None:
    scene = write_scene(tmp_path / 'scene.tif')
    out = tmp_path / 'out'
    args = ['--config', str(config), '--data.paths', str(scene)]
    main(['fit', *args])
    assert (out / 'ktextures.png').exists()
    events = EventAccumulator(str(out)).Reload()
    assert {
        'train_loss',
        'train_assignment',
        'val_similarity_planet_stride4',
        'train_occupancy_2',
    } <= set(events.Tags()['scalars'])
    assert 'image/0' in events.Tags()['images']

    other = write_raster(
        tmp_path / 'other.tif',
        scene_pixels(130, 40, seed=1),
        crs='EPSG:32633',
        transform=Affine(10, 2, 500000, 1, -10, 5e6),  # rotated
    )
    bare = tmp_path / 'bare.tif'
    with rasterio.open(
        bare, 'w', driver='GTiff', count=4, height=20, width=30, dtype='float32'
    ) as dst:
        dst.write(scene_pixels(20, 30))
    predict = [
        'predict',
        *args,
        f'--data.predict_paths=[{scene}, {other}, {bare}]',
        '--ckpt_path',
        str(out / 'ktextures.ckpt'),
    ]
    main(predict)
    for path in (scene, other, bare):
        with (
            rasterio.open(path) as src,
            rasterio.open(out / f'{path.stem}_labels.tif') as dst,
        ):
            assert dst.shape == src.shape
            assert dst.crs == src.crs
            assert dst.transform == src.transform
            assert (dst.count, dst.dtypes, dst.nodata) == (1, ('uint8',), 255)
            labels, data = dst.read(1), src.read()
            assert ((labels == 255) == (data == 0).all(0)).all()
            assert set(np.unique(labels)) <= {0, 1, 2, 255}
            colormap = dst.colormap(1)
            colors = [colormap[i] for i in range(3)]
            assert len(set(colors)) == 3
            assert colors != list(class_colors(3).values())  # but by their spectra
            style = (out / f'{path.stem}_labels.qml').read_text()
            used = set(np.unique(labels)) - {255}
            assert style.count('<paletteEntry ') == len(used)
            for code in used:
                color = bytes(colors[code][:3]).hex()
                assert f'label="class {code}" color="#{color}"' in style
            assert dst.tags(ns='IMAGE_STRUCTURE')['LAYOUT'] == 'COG'
    assert not list(out.glob('.*'))
    first = (out / 'scene_labels.tif').read_bytes()

    # One tile or many: the same map.
    main([*predict, '--data.predict_tile_size', '512'])
    assert (out / 'scene_labels.tif').read_bytes() == first

    # What a killed run has left out is made up for.
    for name in ('scene_labels.qml', 'scene_labels.tif.aux.xml'):
        (out / name).unlink()
    stamp = (out / 'scene_labels.tif').stat().st_mtime_ns
    main([*predict, '--data.predict_tile_size', '512'])
    assert (out / 'scene_labels.tif').stat().st_mtime_ns == stamp
    assert 'class 2' in (out / 'scene_labels.tif.aux.xml').read_text()
    assert (out / 'scene_labels.qml').is_file()


def test_mixed_precision(config: Path, tmp_path: Path) -> None:
    scene = write_scene(tmp_path / 'scene.tif')
    args = ['--config', str(config), '--data.paths', str(scene)]
    main(['fit', *args, '--trainer.precision', 'bf16-mixed'])
    out = tmp_path / 'out'
    args += ['--data.predict_paths', str(scene)]
    args += ['--ckpt_path', str(out / 'ktextures.ckpt')]
    maps = []
    for precision in ('32', 'bf16-mixed'):
        main(['predict', *args, '--trainer.precision', precision])
        path = out / 'scene_labels.tif'
        with rasterio.open(path) as src:
            maps.append(src.read(1))
        path.unlink()
    assert (maps[0] == maps[1]).mean() > 0.99
    left, right = (set(np.unique(m)) for m in (maps[0][12:, :40], maps[0][:, 62:]))
    assert left
    assert right
    assert left.isdisjoint(right)
    assert left | right <= {0, 1, 2}
    assert (maps[0][:10, :20] == 255).all()


def test_predict_without_checkpoint_is_refused(config: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match='never fitted.*--ckpt_path'):
        main(['predict', '--config', str(config)])
    assert not list(tmp_path.rglob('*labels*'))


def test_validate_and_test_with_masks(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = write_scene(tmp_path / 'scene.tif')
    labels = np.zeros((1, 75, 101), np.uint8)
    labels[..., 50:] = 1
    labels[..., :3] = 255
    (tmp_path / 'masks').mkdir()
    write_raster(tmp_path / 'masks' / 'scene.tif', labels)
    args = ['--config', str(config), '--data.paths', str(scene)]
    args += ['--data.mask_paths', str(tmp_path / 'masks')]
    main(['fit', *args])
    for verb, split in (('validate', 'val'), ('test', 'test')):
        main([verb, *args, '--ckpt_path', str(tmp_path / 'out' / 'ktextures.ckpt')])
        printed = capsys.readouterr().out
        assert f'{split}_miou' in printed
        assert f'{split}_accuracy' in printed


@pytest.mark.parametrize('name', ['quickstart', 'paper'])
def test_configs_parse(
    name: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    recwarn: pytest.WarningsRecorder,
) -> None:
    args = ['--config', str(CONFIGS / f'{name}.yaml'), '--print_config']
    if name == 'paper':
        args[2:2] = ['--trainer.accelerator', 'cpu']
    monkeypatch.setattr('sys.argv', ['torchgeo-ktextures', 'fit', *args])
    with pytest.raises(SystemExit, match='0'):
        main()
    assert not any('args parameter' in str(warning.message) for warning in recwarn)
    content: dict[str, Any] = yaml.safe_load(capsys.readouterr().out)
    assert content['model']['class_path'] == 'torchgeo_ktextures.tasks.KTextures'


def test_short_names() -> None:
    # In a process that has not loaded the classes before.
    command = [sys.executable, '-m', 'torchgeo_ktextures', 'fit', '--print_config']
    names = ['--model', 'KTextures', '--data', 'RasterDataModule']
    shown = subprocess.run(
        [*command, *names, '--trainer.callbacks+=GeoTIFFWriter'],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    content: dict[str, Any] = yaml.safe_load(shown)
    assert content['data']['class_path'].endswith('.RasterDataModule')


def test_bad_input(config: Path, tmp_path: Path) -> None:
    def fit(*args: str) -> None:
        main(['fit', '--config', str(config), *args])

    def raster(name: str, data: np.ndarray[Any, Any], **profile: Any) -> str:
        return f'--data.paths={write_raster(tmp_path / name, data, **profile)}'

    with pytest.raises(FileNotFoundError, match='nowhere.tif'):
        fit(f'--data.paths={tmp_path}/nowhere.tif')
    with pytest.raises(ValueError, match="no band 'nir': it has 3 bands"):
        fit(raster('rgb.tif', scene_pixels(bands=3)))
    with pytest.raises(ValueError, match="no band 'swir'"):
        fit('--data.bands=[red, green, blue, swir]')
    with pytest.raises(ValueError, match='3, 48, 48.*in_channels=4'):
        fit('--data.bands=[red, green, blue]')
    with pytest.raises(ValueError, match='num_classes=1 splits nothing'):
        fit('--model.num_classes=1')
    with pytest.raises(ValueError, match='30 x 40 pixels, smaller than a patch of 48'):
        fit(raster('small.tif', scene_pixels(30, 40)))
    zeros = np.zeros((4, 64, 64), np.float32)
    with pytest.raises(ValueError, match='no pixel is valid'):
        fit(raster('empty.tif', zeros, nodata=0))
    with pytest.raises(ValueError, match='no pixel is valid'):
        fit(raster('nan.tif', zeros * np.nan))
    with pytest.raises(ValueError, match=r'constant: every valid pixel is \[5'):
        fit(raster('constant.tif', zeros + 5))
    few = zeros + np.nan
    few[:, 30:32, 30:32] = scene_pixels(2, 2)
    with pytest.raises(ValueError, match='num_classes=300'):
        fit(raster('few.tif', few), '--model.num_classes=300')


def test_broken_pixels_work(config: Path, tmp_path: Path) -> None:
    data = scene_pixels()
    data[0, 5:9, 5:9] = np.nan
    data[1, 20, 20] = np.inf
    data[2, 21, 21] = -np.inf
    path = write_raster(tmp_path / 'broken.tif', data)
    args = ['--config', str(config), '--data.paths', str(path)]
    main(['fit', *args])
    main(['predict', *args, '--ckpt_path', str(tmp_path / 'out' / 'ktextures.ckpt')])
    with rasterio.open(tmp_path / 'out' / 'broken_labels.tif') as dst:
        labels = dst.read(1)
    assert ((labels == 255) == ~np.isfinite(data).all(0)).all()
