# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Georeference and sidecar files that are not as they should be."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.transform import Affine

from torchgeo_ktextures.cli import main
from torchgeo_ktextures.maps.crs import check_crs

from .four_regions import four_regions
from .label_maps import UTM, regions, write_labels
from .rasters import write_raster

#: A parameter has a name that GDAL does not know, as where a file is damaged.
ODD_CRS = CRS.from_epsg(32633).to_wkt().replace('central_meridian', 'central_meridiam')


@pytest.fixture
def pixels(tmp_path: Path) -> Path:
    bands, _ = four_regions(96, 96)
    data = (bands * 10_000).astype(np.uint16)
    names = ('red', 'green', 'blue', 'nir')
    return write_raster(tmp_path / 'scene.tif', data, nodata=0, names=names, **UTM)


def segment(scene: Path, output: Path) -> None:
    args = ['segment', str(scene), '--output', str(output), '--n-clusters', '2']
    main([*args, '--steps', '1', '--device', 'cpu'])


def virtual(scene: Path, srs: str) -> Path:
    path = scene.with_suffix('.vrt')
    sources = ''.join(
        f'<VRTRasterBand dataType="UInt16" band="{i}"><SimpleSource>'
        f'<SourceFilename relativeToVRT="1">{scene.name}</SourceFilename>'
        f'<SourceBand>{i}</SourceBand></SimpleSource></VRTRasterBand>'
        for i in (1, 2, 3, 4)
    )
    path.write_text(
        f'<VRTDataset rasterXSize="96" rasterYSize="96"><SRS>{srs}</SRS>'
        f'<GeoTransform>5e5, 10, 0, 5e6, 0, -10</GeoTransform>{sources}</VRTDataset>'
    )
    return path


@pytest.mark.parametrize(
    'crs',
    [
        'EPSG:4326', 'EPSG:3857', 'EPSG:32633', 'EPSG:5070', 'EPSG:31370', 'ESRI:54009',
        '+proj=laea +lat_0=10 +lon_0=20 +datum=WGS84', '+proj=sinu +R=6371007.181',
    ],
)  # fmt: skip
def test_crs_that_geotiff_holds(recwarn: Any, crs: str) -> None:
    check_crs(CRS.from_user_input(crs), 'scene.tif')
    check_crs(None, 'scene.tif')
    assert not len(recwarn)


def test_crs_that_maps_lose(pixels: Path, tmp_path: Path, capsys: Any) -> None:
    scene = virtual(pixels, ODD_CRS)
    with rasterio.open(scene) as src:
        assert src.crs != CRS.from_epsg(32633)
    segment(scene, tmp_path / 'map.tif')
    said = capsys.readouterr().err
    assert said.count('cannot be written to a GeoTIFF as it is') == 1
    assert 'warning: scene: its CRS (PROJCS' in said
    assert '-a_srs EPSG:CODE' in said


def test_control_points_without_crs(pixels: Path, tmp_path: Path) -> None:
    labels = write_labels(tmp_path / 'labels.tif', regions())
    for path in (pixels, labels):
        with rasterio.open(path, 'r+') as dst:
            dst.crs, dst.transform = CRS(), Affine.identity()
            dst.gcps = (
                [GroundControlPoint(0, 0, 5, 6), GroundControlPoint(9, 9, 7, 8)],
                CRS(),
            )
    segment(pixels, tmp_path / 'map.tif')
    legend = tmp_path / 'named.yaml'
    legend.write_text(
        'classes:\n'
        + ''.join(
            f'- {{index: {i}, name: n{i}, color: [1, 2, {i}]}}\n' for i in range(4)
        )
    )
    named = tmp_path / 'named.tif'
    main(['relabel', str(labels), '--classes', str(legend), '--output', str(named)])
    for path in (tmp_path / 'map.tif', named):
        with rasterio.open(path) as src:
            assert src.crs is None
            assert [(p.row, p.x) for p in src.gcps[0]] == [(0, 5), (9, 7)]


def test_map_that_was_moved_is_made_again(
    pixels: Path, tmp_path: Path, capsys: Any
) -> None:
    output = tmp_path / 'map.tif'
    segment(pixels, output)
    capsys.readouterr()
    segment(pixels, output)
    assert 'All of this was there already' in capsys.readouterr().out
    for change in ({'transform': Affine(10, 0, 0, 0, -10, 0)}, {'crs': 'EPSG:32634'}):
        with rasterio.open(output, 'r+', IGNORE_COG_LAYOUT_BREAK='YES') as dst:
            for name, value in change.items():
                setattr(dst, name, value)
        segment(pixels, output)
        with rasterio.open(pixels) as src, rasterio.open(output) as dst:
            assert (dst.crs, dst.transform) == (src.crs, src.transform)


def test_mask_that_gdal_does_not_read(
    pixels: Path, tmp_path: Path, capsys: Any
) -> None:
    valid = np.ones((96, 96), bool)
    valid[:20] = False
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False),
        rasterio.open(pixels, 'r+') as dst,
    ):
        dst.nodata = None
        dst.write_mask(valid)
    mask = tmp_path / 'scene.tif.msk'
    segment(pixels, tmp_path / 'map.tif')
    assert 'scene.tif.msk' not in capsys.readouterr().err
    with rasterio.open(tmp_path / 'map.tif') as src:
        assert ((src.read(1) != 255) == valid).all()
    mask.write_bytes(b'damaged' + mask.read_bytes()[7:])
    segment(pixels, tmp_path / 'map.tif')
    said = capsys.readouterr().err
    assert said.count('scene.tif.msk cannot be read, so that') == 1
    mask.unlink()
    (tmp_path / 'scene.tif.aux.xml').write_text('<PAMDataset><Meta')
    segment(pixels, tmp_path / 'map.tif')
    said = capsys.readouterr().err
    assert said.count('scene.tif.aux.xml cannot be read') == 1
