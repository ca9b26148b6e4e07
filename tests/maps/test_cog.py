# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import resource
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.control import GroundControlPoint

from torchgeo_ktextures.colors import class_colors
from torchgeo_ktextures.errors import DataWarning
from torchgeo_ktextures.maps import finish_cog

from ..label_maps import regions, write_labels


@pytest.fixture
def tiled(tmp_path: Path) -> Path:
    (tmp_path / 'work').mkdir()
    labels = np.tile(regions(), (12, 12))
    return write_labels(tmp_path / 'work' / 'tiled.tif', labels)


def test_keeps_everything(tiled: Path, tmp_path: Path) -> None:
    with rasterio.open(tiled, 'r+') as dst:
        dst.set_band_description(1, 'class')
        dst.update_tags(1, STATISTICS_MEAN='1.5', CLASS_NAMES='["a"]')
    finish_cog(tiled, tmp_path / 'map.tif')
    with rasterio.open(tiled) as src, rasterio.open(tmp_path / 'map.tif') as dst:
        assert dst.tags(ns='IMAGE_STRUCTURE')['LAYOUT'] == 'COG'
        assert (dst.crs, dst.transform, dst.nodata) == (src.crs, src.transform, 255)
        assert dst.descriptions == ('class',)
        assert dst.tags(1)['STATISTICS_MEAN'] == '1.5'
        assert dst.tags(1)['CLASS_NAMES'] == '["a"]'
        assert [dst.colormap(1)[i] for i in range(4)] == list(class_colors(4).values())
        assert dst.overviews(1)
        assert (src.read(1) == dst.read(1)).all()
        labels = dst.read(1)
    with rasterio.open(tmp_path / 'map.tif', overview_level=0) as dst:
        coarse = dst.read(1)
    # The most frequent class, never one in between.
    blocks = labels[:1152, :1344].reshape(576, 2, 672, 2).transpose(0, 2, 1, 3)
    assert (blocks.reshape(576, 672, 4) == coarse[..., None]).any(-1).mean() == 1


def test_ground_control_points(tmp_path: Path) -> None:
    tiled = write_labels(tmp_path / 'tiled.tif', regions())
    points = [GroundControlPoint(0, 0, 5e5, 5e6), GroundControlPoint(9, 9, 6e5, 4e6)]
    with rasterio.open(tiled) as src:
        profile = src.profile
        labels = src.read()
    del profile['transform'], profile['crs']
    with rasterio.open(tiled, 'w', **profile) as dst:
        dst.gcps = (points, rasterio.CRS.from_epsg(32633))
        dst.write(labels)
    finish_cog(tiled, tmp_path / 'map.tif')
    with rasterio.open(tmp_path / 'map.tif') as dst:
        assert [(p.row, p.col, p.x, p.y) for p in dst.gcps[0]] == [
            (p.row, p.col, p.x, p.y) for p in points
        ]


def test_stale_sidecar_goes(tiled: Path, tmp_path: Path) -> None:
    """What belongs to a map goes with it, and comes with it."""
    (tmp_path / 'map.tif').write_text('the map before')
    (tmp_path / 'map.tif.aux.xml').write_text('<PAMDataset/>')
    (tmp_path / 'map.qml').write_text('<qgis/>')
    finish_cog(tiled, tmp_path / 'map.tif')
    assert {p.name for p in tmp_path.iterdir()} == {
        *('map.tif', 'map.tif.aux.xml', 'map.qml', 'work')
    }
    assert 'class 3' in (tmp_path / 'map.tif.aux.xml').read_text()
    assert 'class 3' in (tmp_path / 'map.qml').read_text()


def test_style_of_another_file_stays(tiled: Path, tmp_path: Path) -> None:
    """As that of map.gpkg, which someone made."""
    style = tmp_path / 'map.qml'
    style.write_text('<qgis/>')
    with pytest.warns(DataWarning, match=r'map.qml was there before map.tif'):
        finish_cog(tiled, tmp_path / 'map.tif')
    assert style.read_text() == '<qgis/>'


def test_no_sidecars_without_classes(tmp_path: Path) -> None:
    """The confidence has no colour table, and may have a style of a user."""
    (tmp_path / 'work').mkdir()
    tiled = write_labels(tmp_path / 'work' / 'tiled.tif', regions(), classes=0)
    (tmp_path / 'map.tif').write_text('the map before')
    (tmp_path / 'map.qml').write_text('<qgis/>')
    finish_cog(tiled, tmp_path / 'map.tif')
    assert {p.name for p in tmp_path.iterdir()} == {'map.tif', 'map.qml', 'work'}


def test_disk_full_leaves_nothing(tiled: Path, tmp_path: Path) -> None:
    output = tmp_path / 'map.tif'
    output.write_text('the map before')
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(OSError, match=r'map.tif cannot be written .*disk space'):
            finish_cog(tiled, output)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {p.name for p in tmp_path.iterdir()} == {'map.tif', 'work'}
    assert output.read_text() == 'the map before'


def test_missing_folder(tiled: Path, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r'missing/map.tif cannot be written'):
        finish_cog(tiled, tmp_path / 'missing' / 'map.tif')


def test_folder_in_the_way(tiled: Path, tmp_path: Path) -> None:
    (tmp_path / 'map.tif').mkdir()
    (tmp_path / 'map.tif' / 'file').write_text('')
    with pytest.raises(OSError, match=r'map.tif cannot be written'):
        finish_cog(tiled, tmp_path / 'map.tif')
    assert {p.name for p in tmp_path.iterdir()} == {'map.tif', 'work'}
    shutil.rmtree(tmp_path / 'map.tif')
