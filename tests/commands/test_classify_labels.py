# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""From a map of clusters, of this or any other tool, to a map of classes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from rasterio.windows import Window

from ..rasters import labels_of, write_raster
from .conftest import POINTS, QUIET, run


def write_map(path: Path, like: Path, labels: npt.NDArray[Any], **kwargs: Any) -> Path:
    with rasterio.open(like) as src:
        grid = {'crs': src.crs, 'transform': src.transform}
    return write_raster(path, labels[None], **(grid | kwargs))


@pytest.fixture(scope='module')
def from_labels(
    scene: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The map of classes from the map of clusters, and not from its model."""
    output = tmp_path_factory.mktemp('labels') / 'map.tif'
    run(
        *('classify', scene, '--points', POINTS, *QUIET, '--output', output),
        *('--labels', folder / 'labels.tif', '--report', output.with_suffix('.html')),
    )
    return output


def test_map_is_that_of_the_model(folder: Path, from_labels: Path) -> None:
    expected, found = labels_of(folder / 'map.tif'), labels_of(from_labels)
    assert (found == expected).mean() > 0.93  # as with another seed
    with rasterio.open(folder / 'map.tif') as a, rasterio.open(from_labels) as b:
        assert a.tags(1)['CLASS_NAMES'] == b.tags(1)['CLASS_NAMES']
        assert a.colormap(1) == b.colormap(1)
    names = {path.name for path in from_labels.parent.iterdir()}
    assert names == {'map.tif', 'map.tif.aux.xml', 'map.qml', 'map.html'}


def test_tiles_of_any_size_make_the_same_map(
    scene: Path, folder: Path, from_labels: Path, tmp_path: Path
) -> None:
    run(
        *('classify', scene, '--points', POINTS, *QUIET, '--tile-size', 96),
        *('--labels', folder / 'labels.tif', '--output', tmp_path / 'map.tif'),
    )
    np.testing.assert_array_equal(
        labels_of(tmp_path / 'map.tif'), labels_of(from_labels)
    )


def test_map_of_another_tool(scene: Path, from_labels: Path, tmp_path: Path) -> None:
    """Any codes in 16 bits, no colours, no tags, and no data in the north."""
    with rasterio.open(scene) as src:
        red, nir = src.read(1), src.read(4)
    codes = 300 + 40 * (nir > 30) + (red > 60).astype(np.uint16)
    codes[:60] = 7
    labels = write_map(
        tmp_path / 'k_means.tif', scene, codes.astype(np.uint16), nodata=7
    )
    run(
        *('classify', scene, '--points', POINTS, *QUIET),
        *('--labels', labels, '--output', tmp_path / 'map.tif'),
    )
    found = labels_of(tmp_path / 'map.tif')
    assert set(np.unique(found)) == {0, 1, 2}
    assert (found == labels_of(from_labels)).mean() > 0.85
    assert (found[:60] == labels_of(from_labels)[:60]).mean() > 0.85


def test_maps_of_several_scenes(scene: Path, folder: Path, tmp_path: Path) -> None:
    for name in ('scenes', 'labels'):
        (tmp_path / name).mkdir()
    with rasterio.open(scene) as src, rasterio.open(folder / 'labels.tif') as labels:
        for number in range(2):
            window = Window(0, 80 * number, 160, 80)
            grid = {'crs': src.crs, 'transform': src.window_transform(window)}
            path = tmp_path / 'scenes' / f'{number}.tif'
            write_raster(path, src.read(window=window), names=src.descriptions, **grid)
            path = tmp_path / 'labels' / f'{number}_labels.tif'
            write_raster(path, labels.read(window=window), nodata=255, **grid)
    run(
        *('classify', tmp_path / 'scenes', '--points', POINTS, *QUIET),
        *('--labels', tmp_path / 'labels', '--output', tmp_path / 'maps'),
    )
    maps = [labels_of(tmp_path / 'maps' / f'{i}_classes.tif') for i in range(2)]
    found = np.concatenate(maps)
    assert (found == labels_of(folder / 'map.tif')).mean() > 0.8
    with rasterio.open(tmp_path / 'maps' / '0_classes.tif') as src:
        assert json.loads(src.tags(1)['CLASS_NAMES']) == ['city', 'forest', 'sea']


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (
            '--checkpoint model.ckpt',
            'checkpoint and labels do not go together: the map',
        ),
        ('--n-clusters 5', 'n_clusters and labels do not go together'),
        ('--save-checkpoint a.ckpt', 'save_checkpoint and labels do not go together'),
        ('--labels none.tif', "label map 'none.tif' does not exist; check the path"),
        ('--labels scene.tif', 'name the map of classes, not the scene'),
        ('--labels shifted.tif', 'scene.tif are on different grids: transforms'),
        ('--labels empty.tif', 'has 0 clusters, but there must be 2 to 100; use'),
        ('--labels many.tif', 'has 255 clusters, but there must be 2 to 100; merge'),
        ('--output labels.tif', 'labels.tif is the map of clusters, which would be'),
        ('--report labels.tif', 'labels.tif is the map of clusters, which would be'),
        ('--labels two', "label map 'two/scene_labels.tif' does not exist"),
        (
            'again.tif --output maps',
            'is one map, but there are 2 scenes; give a folder',
        ),
        (
            'again.tif --output maps --labels models',
            'again_labels.tif were not made by the same model',
        ),
    ],
)
def test_what_does_not_fit(
    scene: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    args: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with rasterio.open(scene) as src:
        moved = src.transform.translation(15, 0) @ src.transform
    labels = np.arange(160 * 160, dtype=np.uint8).reshape(160, 160)
    write_map(Path('labels.tif'), scene, labels % 4, nodata=255)
    write_map(Path('shifted.tif'), scene, labels % 4, transform=moved)
    write_map(Path('empty.tif'), scene, labels * 0 + 255)
    write_map(Path('many.tif'), scene, labels)
    Path('two').mkdir()
    Path('models').mkdir()
    for name in ('scene', 'again'):
        Path(f'{name}.tif').write_bytes(scene.read_bytes())
        path = write_map(Path(f'models/{name}_labels.tif'), scene, labels % 4)
        with rasterio.open(path, 'r+') as dst:
            dst.update_tags(KTEXTURES_MODEL=name)
    before = sorted(tmp_path.rglob('*'))
    words = args.split()
    for name, value in {'--labels': 'labels.tif', '--output': 'map.tif'}.items():
        words += [] if name in words else [name, value]
    with pytest.raises(SystemExit):
        run('classify', 'scene.tif', *words, '--points', POINTS, *QUIET)
    assert message in capsys.readouterr().err
    assert sorted(tmp_path.rglob('*')) == before
