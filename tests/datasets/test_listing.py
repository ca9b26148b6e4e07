# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio

from torchgeo_ktextures.datasets import list_scenes, open_raster, raster_name
from torchgeo_ktextures.datasets.identity import raster_state
from torchgeo_ktextures.datasets.rasters import CorruptRasterError, is_remote

from ..rasters import write_raster, write_scene


def label_map(path: Path) -> Path:
    return write_raster(path, np.zeros((1, 8, 8), np.uint8), names=('class',))


def test_what_is_no_scene(tmp_path: Path) -> None:
    scene = write_scene(tmp_path / 'a.tif')
    (tmp_path / '._a.tif').write_bytes(b'\0\5\x16\7')
    label_map(tmp_path / 'a_labels.tif')
    label_map(tmp_path / 'named.tif')
    for name in ('a_udm2_clip.tif', 'x_QA_PIXEL.TIF', 'x_Fmask.tif', 'a_mask.tif'):
        write_scene(tmp_path / name)
    (tmp_path / 'b.tif').mkdir()
    scenes, lines = list_scenes(tmp_path)
    assert scenes == [str(scene)]
    assert len(lines) == 2
    assert 'quality masks' in lines[0]
    assert 'and 1 more' in lines[0]
    assert 'named.tif' in lines[1]
    # What is named is taken, if its name is not that of a mask.
    assert list_scenes([tmp_path / 'named.tif'])[0] == [str(tmp_path / 'named.tif')]
    assert list_scenes(tmp_path / 'a_mask.tif')[0] == [str(tmp_path / 'a_mask.tif')]
    with pytest.raises(ValueError, match=r'a_udm2_clip\.tif is a quality mask'):
        list_scenes(tmp_path / 'a_udm2_clip.tif')
    scene.unlink()
    for mask in tmp_path.glob('*[!ds].tif'):
        if mask.is_file():
            mask.unlink()
    for name in ('x_QA_PIXEL.TIF', 'a_mask.tif', 'a_udm2_clip.tif', 'x_Fmask.tif'):
        (tmp_path / name).unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError, match='only maps that were made here'):
        list_scenes(tmp_path)


def test_names_like_masks_are_scenes(tmp_path: Path) -> None:
    for name in ('qatar.tif', 'masking.tif', 'scl_area_3.tif', 'unmasked_2021.tif'):
        write_scene(tmp_path / name)
    assert len(list_scenes(tmp_path)[0]) == 4


@pytest.mark.parametrize(
    ('path', 'remote', 'name'),
    [
        ('/data/scene.v2.tif', False, 'scene.v2'),
        ('https://host/a/b.tif?key=1&x=y.z', True, 'b'),
        ('s3://bucket/c.tif', True, 'c'),
        ('zip:///data/d.zip!in/e.tif', True, 'e'),
        ('/vsizip//data/d.zip/e.tif', True, 'e'),
        ('NETCDF:"/data/f.nc":red', True, 'f_red'),
    ],
)
def test_addresses(path: str, remote: bool, name: str) -> None:
    assert is_remote(path) is remote
    assert raster_name(path) == name


def test_messages(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / 'a.zip', 'w') as archive:
        archive.write(write_scene(tmp_path / 'a.tif'), 'a.tif')
    with pytest.raises(CorruptRasterError, match=r'give zip://.*a\.zip!NAME\.tif'):
        open_raster(str(tmp_path / 'a.zip'))
    with open_raster(f'zip://{tmp_path}/a.zip!a.tif') as src:
        assert src.count == 4
    with pytest.raises(CorruptRasterError, match='check the path, and what is inside'):
        open_raster(f'zip://{tmp_path}/a.zip!b.tif')
    (tmp_path / 'text.tif').write_text('no raster')
    with pytest.raises(OSError, match=r'text\.tif is not a readable raster') as error:
        open_raster(str(tmp_path / 'text.tif'))
    assert isinstance(error.value, ValueError)


def touch(path: Path) -> None:
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 10**9))


def test_state_covers_what_gdal_reads(tmp_path: Path) -> None:
    source = write_scene(tmp_path / 'source.tif')
    inner, outer = tmp_path / 'inner.vrt', tmp_path / 'outer.vrt'
    for vrt, of in ((inner, 'source.tif'), (outer, 'inner.vrt')):
        vrt.write_text(
            '<VRTDataset rasterXSize="101" rasterYSize="75"><VRTRasterBand '
            'dataType="UInt16" band="1"><SimpleSource><SourceFilename '
            f'relativeToVRT="1">{of}</SourceFilename><SourceBand>1</SourceBand>'
            '</SimpleSource></VRTRasterBand></VRTDataset>'
        )
    with zipfile.ZipFile(tmp_path / 'z.zip', 'w') as archive:
        archive.write(source, 'source.tif')
    zipped = f'/vsizip/{tmp_path}/z.zip/source.tif'
    paths = [str(source), str(inner), str(outer)]
    before = [raster_state(path) for path in paths]
    assert before == [raster_state(path) for path in paths]
    touch(source)
    after = [raster_state(path) for path in paths]
    assert all(a != b for a, b in zip(before, after, strict=True))
    for path in (zipped, f'zip://{tmp_path}/z.zip!source.tif'):
        one = raster_state(path)
        assert one is not None
        touch(tmp_path / 'z.zip')
        assert raster_state(path) != one
    # A mask beside the raster.
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False),
        rasterio.open(source, 'r+') as dst,
    ):
        dst.write_mask(np.ones((75, 101), bool))
    os.utime(source, ns=(0, 0))
    one = raster_state(str(source))
    touch(tmp_path / 'source.tif.msk')
    assert raster_state(str(source)) != one
    assert raster_state('/vsicurl/http://localhost:1/a.tif') is None
    assert raster_state('/vsimem/a.tif') is None
