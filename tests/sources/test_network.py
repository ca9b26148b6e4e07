# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Scenes by their address, from a server on the loopback address."""

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.errors import RasterioError

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.cli import main
from torchgeo_ktextures.sources import CorruptRasterError, damaged, open_raster
from torchgeo_ktextures.sources.addresses import LIMITS

from ..four_regions import four_regions
from ..label_maps import UTM
from ..rasters import write_raster
from .server import Served, serve

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(['127.0.0.1'])]

#: What must be in no file.
SECRET = 'sig=goodSECRET'


@pytest.fixture(scope='module')
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A bucket with a scene."""
    folder = tmp_path_factory.mktemp('served')
    (folder / 'bucket').mkdir()
    bands, _ = four_regions(96, 112)
    write_raster(
        folder / 'bucket' / 'scene.tif',
        (bands * 10_000).astype(np.uint16),
        **UTM,
        nodata=0,
        names=('red', 'green', 'blue', 'nir'),
    )
    (folder / 'bucket' / 'text.tif').write_text('no raster')
    with serve(folder) as running:
        yield running


@pytest.fixture(autouse=True)
def environment(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set by default, and where buckets are."""
    for name, value in (LIMITS | served.as_bucket).items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope='module')
def mapped(
    served: Served, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """Folder of what the command makes of a signed address, and what it prints."""
    folder = tmp_path_factory.mktemp('mapped')
    url = f'{served.url}/bucket/scene.tif?{SECRET}'
    main([
        'segment', url, '--output', str(folder), '--n-clusters', '4', '--steps', '6',
        '--report', str(folder / 'report.html'), '--save-checkpoint',
        str(folder / 'model.ckpt'), '--suggest', '5', '--device', 'cpu',
        '--manifest', str(folder / 'scenes.jsonl'),
    ])  # fmt: skip
    return folder, url


def test_map_of_an_address(served: Served, mapped: tuple[Path, str]) -> None:
    folder, _ = mapped
    with rasterio.open(folder / 'scene_labels.tif') as src:
        labels = src.read(1).astype(int)
    model = KTexturesSegmenter.load(folder / 'model.ckpt')
    local = served.folder / 'bucket' / 'scene.tif'
    assert (model.predict(str(local)) == labels).all()
    written = [file for file in folder.rglob('*') if file.is_file()]
    assert len(written) > 8
    for file in written:
        assert b'SECRET' not in file.read_bytes(), file
        assert '?' not in file.name


def test_other_addresses(
    served: Served, mapped: tuple[Path, str], tmp_path: Path
) -> None:
    local = served.folder / 'bucket' / 'scene.tif'
    with zipfile.ZipFile(served.folder / 'bucket' / 'a.zip', 'w') as archive:
        archive.write(local, 'in/scene.tif')
    archive_path = served.folder / 'bucket' / 'a.zip'
    model = KTexturesSegmenter.load(mapped[0] / 'model.ckpt')
    labels = model.predict(str(local))
    for path in (
        's3://bucket/scene.tif',
        '/vsis3/bucket/scene.tif',
        f'/vsicurl/{served.url}/bucket/scene.tif',
        f'/vsizip/{archive_path}/in/scene.tif',
        f'zip://{archive_path}!in/scene.tif',
        f'/vsizip//vsicurl/{served.url}/bucket/a.zip/in/scene.tif',
        f'zip+{served.url}/bucket/a.zip!in/scene.tif',
    ):
        assert (model.predict(path) == labels).all(), path


def test_commands_that_take_a_scene(
    mapped: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, url = mapped
    labels, image = str(folder / 'scene_labels.tif'), url
    points = str(tmp_path / 'points.gpkg')
    main(['suggest', labels, '--image', image, '--count', '6', '--output', points])
    import geopandas as gpd

    frame = gpd.read_file(points)
    frame['class'] = np.where(frame.index % 2, 'a', 'b')
    frame.to_file(points)
    main([
        'classify', image, '--labels', labels, '--points', points, '--output',
        str(tmp_path / 'maps'), '--device', 'cpu',
    ])  # fmt: skip
    assert (tmp_path / 'maps' / 'scene_classes.tif').is_file()
    main([
        'export', str(tmp_path / 'maps' / 'scene_classes.tif'), '--image', image,
        '--output', str(tmp_path / 'samples'), '--chip-size', '8', '--val-split', '0',
        '--test-split', '0', '--points', '3',
    ])  # fmt: skip
    main(['picture', image, labels, '--output', str(tmp_path / 'picture.png')])
    for file in filter(Path.is_file, tmp_path.rglob('*')):
        assert b'SECRET' not in file.read_bytes(), file
    assert 'SECRET' not in capsys.readouterr().out


def test_nothing_is_asked_for_beside(served: Served) -> None:
    served.requests.clear()
    for address in ('s3://bucket/scene.tif?', f'{served.url}/bucket/scene.tif?a=1'):
        with open_raster(address.rstrip('?')) as src:
            src.read(1)
    assert {path.partition('?')[0] for _, path, _ in served.requests} == {
        '/bucket/scene.tif'
    }
    assert len(served.requests) < 10


def test_limits_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LIMITS:
        monkeypatch.delenv(name)
    monkeypatch.setenv('GDAL_HTTP_MAX_RETRY', '0')
    with pytest.raises(CorruptRasterError):
        open_raster('http://127.0.0.1:1/scene.tif')
    assert os.environ['GDAL_HTTP_CONNECTTIMEOUT'] == '10'
    assert os.environ['GDAL_HTTP_LOW_SPEED_TIME'] == '30'
    assert os.environ['GDAL_HTTP_MAX_RETRY'] == '0'


@pytest.mark.parametrize(
    ('path', 'text'),
    [
        ('{url}/bucket/none.tif', '404); there is nothing at this address; check it'),
        ('s3://bucket/none.tif', 'there is nothing at this address'),
        ('{url}/bucket/scene.tif?sig=old', 'whether a signed address has expired'),
        ('http://127.0.0.1:1/scene.tif', 'check the address, the connection and'),
        ('{url}/stall.tif', 'the host does not answer'),
        ('{url}/bucket/text.tif', 'text.tif is not a readable raster'),
    ],
)
def test_bad_addresses(
    served: Served,
    tmp_path: Path,
    path: str,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv('GDAL_HTTP_LOW_SPEED_TIME', '1')
    monkeypatch.setenv('GDAL_HTTP_MAX_RETRY', '0')
    with pytest.raises(SystemExit) as error:
        output = str(tmp_path / 'maps')
        main(['segment', path.format(url=served.url), '--output', output])
    assert error.value.code == 1
    printed = capsys.readouterr().err
    assert text in printed
    assert 'sig=' not in printed


def test_a_connection_that_breaks() -> None:
    error = RasterioError('Read failed. See previous exception for details.')
    error.__cause__ = RasterioError('CURL error: Operation too slow for /x.tif?sig=a')
    said: Any = damaged('https://host/scene.tif?sig=a', error)
    assert 'the host does not answer; try again' in str(said)
    assert 'sig' not in str(said)
