# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Zarr and NetCDF files as scenes."""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from pyproj import CRS
from rasterio.env import GDALVersion
from rasterio.transform import Affine

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.cli import main
from torchgeo_ktextures.datasets import RasterWindows, raster_name
from torchgeo_ktextures.datasets.identity import raster_state
from torchgeo_ktextures.errors import DataWarning
from torchgeo_ktextures.sources import CorruptRasterError, open_raster

from ..four_regions import agreement, four_regions
from .server import serve

xr = pytest.importorskip('xarray')
pytest.importorskip('zarr')
pytest.importorskip('h5netcdf')

#: Grid of 80 rows and 96 columns.
GRID = Affine(10, 0, 300_000, 0, -10, 6_000_000)
NAMES = ('red', 'green', 'blue', 'nir')
TAGS = {'scale_factor': 1e-4, 'add_offset': -0.1, '_FillValue': np.uint16(0)}


def scene() -> Any:
    """A dataset with a variable for each band, the last one first."""
    bands, _ = four_regions(80, 96)
    data = (bands * 10_000 + 1000).astype(np.uint16)
    data[:, :5, :7] = 0
    tags = TAGS | {'grid_mapping': 'spatial_ref'}
    variables = dict(zip(NAMES, data, strict=True))
    found = xr.Dataset(
        {name: (('y', 'x'), variables[name], tags) for name in reversed(NAMES)},
        coords={
            'y': 6_000_000 - 10 * np.arange(80) - 5.0,
            'x': 300_000 + 10 * np.arange(96) + 5.0,
            'spatial_ref': ((), 0, CRS.from_epsg(32633).to_cf()),
        },
    )
    found.y.attrs.update(standard_name='projection_y_coordinate', units='m')
    found.x.attrs.update(standard_name='projection_x_coordinate', units='m')
    return found


def stacked(placed: bool = False) -> Any:
    """The same as one variable, with or without what tells GDAL where it is."""
    array = scene()[list(NAMES)].to_dataarray('band', name='reflectance')
    array['band'] = np.array(NAMES)
    array.attrs = scene().red.attrs
    for name in () if placed else ('x', 'y'):
        array[name].attrs.clear()
    return array.to_dataset()


def write(path: Path, dataset: Any, **options: Any) -> Path:
    if path.suffix == '.nc':
        dataset.to_netcdf(path, engine='h5netcdf', **options)
    else:
        dataset.to_zarr(path, consolidated=True, **options)
    return path


@pytest.mark.filterwarnings('ignore:Consolidated metadata')
@pytest.mark.parametrize(
    ('name', 'made', 'driver', 'options'),
    [
        ('a.nc', scene(), 'VRT', {}),
        ('a.zarr', scene(), 'VRT', {'zarr_format': 2}),
        ('a.zarr', scene(), 'VRT', {'zarr_format': 3}),
        ('a.zarr', scene().isel(y=slice(None, None, -1)), 'GTiff', {}),
        ('a.nc', scene().isel(y=slice(None, None, -1)), 'VRT', {}),
        ('a.nc', scene().assign(red=scene().red.astype(np.int32)), 'VRT', {}),
        ('a.zarr', stacked(), 'VRT', {}),
        ('a.nc', stacked().transpose('y', 'x', 'band'), 'GTiff', {}),
        ('a.nc', stacked().expand_dims(time=[3]), 'GTiff', {}),
    ],
)
def test_what_is_read(
    tmp_path: Path, name: str, made: Any, driver: str, options: Any
) -> None:
    path = write(tmp_path / name, made, **options)
    with open_raster(path) as src:
        # Older releases of GDAL do not read all of Zarr, which is copied then.
        known = GDALVersion.runtime().at_least('3.12') or name.endswith('.nc')
        assert src.driver == driver or not known
        assert src.descriptions == NAMES
        assert (src.crs, src.transform, src.shape) == ('EPSG:32633', GRID, (80, 96))
    windows = RasterWindows(path)
    assert raster_name(windows.files[0]) == 'a'
    image, valid = windows.read(0, None)
    bands, _ = four_regions(80, 96)
    assert valid.sum() == 80 * 96 - 35
    np.testing.assert_allclose(image[:, valid], bands[:, valid], atol=1e-4)
    raw = RasterWindows(path, ignore_scale=True).read(0, None)[0]
    assert raw[0].max() == scene().red.max()


def test_mixed_types_and_nodata_are_copied(tmp_path: Path) -> None:
    made = scene()
    made['red'] = made.red.astype(np.float32).assign_attrs(
        _FillValue=np.float32(0), missing_value=np.float32(-1)
    )
    made.red.values[50, 50] = -1
    with open_raster(write(tmp_path / 'a.nc', made)) as src:
        assert (src.driver, src.dtypes[0]) == ('GTiff', 'float32')
        red = src.read(1)
    assert np.isnan(red[0, 0])
    assert np.isnan(red[50, 50])
    assert np.isnan(red).sum() == 36


def test_segment_zarr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / 'scene.zarr', scene().isel(y=slice(None, None, -1)))
    command = [
        'segment', str(path), '--output', str(tmp_path / 'maps'), '--n-clusters', '4',
        '--steps', '6', '--device', 'cpu', '--save-checkpoint',
        str(tmp_path / 'model.ckpt'),
    ]  # fmt: skip
    main(command)
    with rasterio.open(tmp_path / 'maps' / 'scene_labels.tif') as src:
        labels = src.read(1).astype(int)
        assert (src.crs, src.transform) == ('EPSG:32633', GRID)
    assert agreement(four_regions(80, 96)[1], labels, labels != 255) > 0.9
    capsys.readouterr()
    main(command)
    assert 'there already' in capsys.readouterr().out
    # As the array that xarray opens, and as GDAL reads what is named for it.
    model = KTexturesSegmenter.load(tmp_path / 'model.ckpt')
    with xr.open_zarr(path, chunks={}, mask_and_scale=False) as opened:
        found = np.asarray(model.predict(opened.isel(y=slice(None, None, -1))))
    assert (found == np.where(labels < 255, labels, -1)).all()
    nc = write(tmp_path / 'b.nc', stacked(placed=True))
    expected = model.predict(str(nc))
    model.bands_ = [1, 2, 3, 4]
    assert (model.predict(f'NETCDF:"{nc}":reflectance') == expected).all()
    state = raster_state(str(path))
    chunk = next(file for file in path.rglob('*') if file.is_file())
    os.utime(chunk, ns=(0, chunk.stat().st_mtime_ns + 10**9))
    assert state != raster_state(str(path)) is not None


def test_places(tmp_path: Path) -> None:
    made = scene().drop_vars('spatial_ref')
    degrees = made.rename(x='lon', y='lat').assign_coords(
        lon=10 + 0.1 * np.arange(96), lat=50 - 0.1 * np.arange(80)
    )
    with open_raster(write(tmp_path / 'degrees.nc', degrees)) as src:
        assert src.crs == 'EPSG:4326'
        assert src.transform.almost_equals(Affine(0.1, 0, 9.95, 0, -0.1, 50.05))
    uneven = made.assign_coords(x=np.arange(96.0) ** 2)
    with pytest.warns(
        DataWarning, match='coordinates are no even grid, so that it has'
    ):
        assert open_raster(write(tmp_path / 'uneven.nc', uneven)).crs is None
    attributes = made.drop_vars(['x', 'y']).assign_coords(
        spatial_ref=(
            (), 0, {'crs_wkt': CRS.from_epsg(32633).to_wkt(),
                    'GeoTransform': '300000 10 0 6000000 0 -10'},
        ),
    )  # fmt: skip
    with open_raster(write(tmp_path / 'tags.zarr', attributes)) as src:
        assert (src.crs, src.transform) == ('EPSG:32633', GRID)


def test_bad_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dates = xr.concat([scene()] * 2, xr.DataArray([0, 1], dims='time', name='time'))
    write(tmp_path / 'dates.zarr', dates)
    (tmp_path / 'text.nc').write_text('no array')
    write(tmp_path / 'none.zarr', xr.Dataset({'a': ('x', [1.0])}))
    for name, text in {
        'dates.zarr': r'dates.zarr: .* with 2 dates .*; write one to a file of its own',
        'text.nc': 'text.nc is not a readable file of arrays',
        'none.zarr': 'none.zarr: a Dataset has no variable with rows and columns',
        'missing.nc': "missing.nc' does not exist; check the path",
    }.items():
        with pytest.raises(ValueError, match=text):
            open_raster(tmp_path / name)
    monkeypatch.setitem(sys.modules, 'xarray', None)
    path = write(tmp_path / 'a.nc', scene())
    with pytest.raises(
        ImportError, match=r"pip install 'torchgeo-ktextures\[xarray\]'"
    ):
        open_raster(path)


@pytest.mark.enable_socket
@pytest.mark.allow_hosts(['127.0.0.1'])
def test_zarr_of_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip('aiohttp')
    monkeypatch.setenv('GDAL_HTTP_MAX_RETRY', '0')
    local = write(tmp_path / 'a.zarr', scene())
    expected = RasterWindows(local).read(0, None)[0]
    with serve(tmp_path) as served:
        windows = RasterWindows(f'{served.url}/a.zarr')
        assert (windows.read(0, None)[0] == expected).all()
        assert raster_state(windows.files[0]) is None
        with pytest.raises(
            CorruptRasterError, match='none.zarr is not a readable file'
        ):
            open_raster(f'{served.url}/none.zarr')
