# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Arrays and datasets of xarray through the estimator."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.errors import DataWarning

from .arrays import (
    BAND,
    COLORS,
    COUNTS,
    FILL,
    IMAGE,
    SIZE,
    VALID,
    Array,
    array,
    check,
    make,
)
from .rasters import write_raster

xr = pytest.importorskip('xarray')


@pytest.fixture(scope='module')
def fitted() -> KTexturesSegmenter:
    return make().fit(IMAGE)


@pytest.fixture(scope='module')
def of_counts() -> KTexturesSegmenter:
    return make().fit(np.ma.masked_equal(COUNTS, FILL))


@pytest.mark.parametrize(
    'tags',
    [
        {'attrs': {'nodata': FILL}},
        {'attrs': {'_FillValue': np.int16(FILL)}},
        {'attrs': {'missing_value': float(FILL)}},
        {'attrs': {'missing_value': np.array([-1, FILL])}},
        {'attrs': {'nodatavals': (FILL,) * 4}},
        {'attrs': {'nodatavals': (np.float64(FILL), None, None, None)}},
        {'attrs': {'nodata': '-9999'}},
        {'attrs': {'nodata': '-9999.0'}},
        {'attrs': {'nodata': [FILL]}},
        {'attrs': {'nodata': np.array(FILL)}},
        {'attrs': {'_FillValue': 0, 'missing_value': FILL}},
        {'encoding': {'_FillValue': FILL}},
        {'encoding': {'nodata': FILL}},
        {'encoding': {'missing_value': FILL}},
    ],
)
def test_nodata_tags(of_counts: KTexturesSegmenter, tags: dict[str, Any]) -> None:
    assert (of_counts.predict(array(**tags)) == of_counts.labels_).all()


def test_nodata_of_one_band(of_counts: KTexturesSegmenter) -> None:
    data = (np.where(VALID, IMAGE, 0) * 400).clip(1, 250).astype(np.uint8)
    data[3, 40:44] = 255
    data[0, 50:52] = 255  # saturated, and no nodata of this band
    valid = np.ones_like(VALID)
    valid[40:44] = False
    tags = {'nodatavals': (None, None, None, 255)}
    labels = make().fit_predict(array(data, attrs=tags))
    assert ((np.asarray(labels) >= 0) == valid).all()
    variables = {n: (('y', 'x'), data[i]) for i, n in enumerate('rgb')}
    variables['n'] = ('y', 'x'), data[3], {'_FillValue': 255}
    labels = make().fit_predict(xr.Dataset(variables))
    assert ((np.asarray(labels) >= 0) == valid).all()


def test_nodata_of_each_variable(fitted: KTexturesSegmenter) -> None:
    fills = (-9999, -1, -32768, 0)
    counts = np.where(VALID, COUNTS, np.reshape(fills, (4, 1, 1))).astype(np.int16)
    variables = {
        name: (('y', 'x'), band, {'_FillValue': fill, 'scale_factor': 1e-4})
        for name, band, fill in zip('rgbn', counts, fills, strict=True)
    }
    check(fitted.predict(xr.Dataset(variables)))
    plain = {name: values[:2] for name, values in zip('rgbn', variables.values())}
    for attrs in ({'nodata': list(fills)}, {'nodata': '-9999 -1 -32768 0'}):
        labels = make().fit_predict(xr.Dataset(plain, attrs=attrs))
        assert ((labels.values >= 0) == VALID).all()


def test_netcdf(fitted: KTexturesSegmenter, tmp_path: Path) -> None:
    tags = {'_FillValue': np.int16(FILL), 'scale_factor': 1e-4, 'grid_mapping': 'crs'}
    variables = {n: (('y', 'x'), COUNTS[i], tags) for i, n in enumerate('rgbn')}
    variables['crs'] = (), np.int32(0), {'crs_wkt': 'PROJCS[...]'}
    xr.Dataset(variables).to_netcdf(tmp_path / 'a.nc', engine='scipy')
    for options in ({}, {'mask_and_scale': False}, {'decode_coords': 'all'}):
        with xr.open_dataset(tmp_path / 'a.nc', engine='scipy', **options) as dataset:
            labels = fitted.predict(dataset)
        check(labels)
        assert labels.crs.attrs['crs_wkt'] == 'PROJCS[...]'
        labels.to_netcdf(tmp_path / 'labels.nc')


def test_zero_is_nodata_band_by_band() -> None:
    data = np.where(VALID, COUNTS, 7).astype(np.uint16)
    data[3, 60] = 0
    labels = make().fit_predict(array(data, attrs={'_FillValue': 0}))
    assert (np.asarray(labels)[60] == -1).all()
    assert (np.asarray(labels)[:60] >= 0).all()


def test_scale_and_offset(fitted: KTexturesSegmenter) -> None:
    tags = {'_FillValue': FILL, 'scale_factor': 1e-4, 'add_offset': -0.1}
    data = np.where(VALID, COUNTS + 1000, FILL).astype(np.int16)
    check(fitted.predict(array(data, attrs=tags)))
    by_band = {'nodata': FILL, 'scales': (1e-4,) * 4, 'offsets': (-0.1,) * 4}
    check(fitted.predict(array(data, attrs=by_band)))
    with pytest.raises(ValueError, match=r"attrs\['scales'\]=\(1, 2\).*4 bands"):
        fitted.predict(array(data, attrs={'scales': (1, 2)}))


def test_what_xarray_has_decoded(fitted: KTexturesSegmenter) -> None:
    # reflectance of 0 is stored as 1000; the fill value 0 is -0.1, and not 0
    data = IMAGE.copy()
    data[3, 50:52] = 0
    tags = {'_FillValue': 0, 'scale_factor': 1e-4, 'add_offset': -0.1}
    decoded = array(data, encoding=tags)
    assert ((np.asarray(fitted.predict(decoded)) >= 0) == VALID).all()
    raw = array(
        np.where(VALID, np.nan_to_num(data) * 10000 + 1000, 0).astype('u2'), attrs=tags
    )
    decoded = xr.decode_cf(xr.Dataset({'bands': raw}))
    assert ((np.asarray(fitted.predict(decoded)) >= 0) == VALID).all()


@pytest.mark.parametrize(
    ('order', 'dims'),
    [
        ((1, 2, 0), ('y', 'x', 'band')),
        ((2, 1, 0), ('x', 'y', 'band')),
        ((2, 0, 1), ('x', 'band', 'y')),
        ((1, 2, 0), ('lat', 'lon', 'channel')),
        ((1, 0, 2), ('Northing', 'wavelength', 'Easting')),
        ((1, 2, 0), ('row', 'col', 'bands')),
        ((0, 2, 1), ('variable', 'longitude', 'latitude')),
        ((1, 2, 0), ('y', 'x', 'feature')),
        ((1, 2, 0), ('rows_', 'cols_', 'band')),
        ((1, 2, 0), ('h', 'w', 'c')),
        ((0, 1, 2), ('p', 'q', 'r')),
        ((0, 1, 2), ('a', 'b', 'c')),
        ((0, 1, 2), ('i', 'j', 'k')),
        ((0, 1, 2), ('dim_0', 'dim_1', 'dim_2')),
    ],
)
def test_dims(
    fitted: KTexturesSegmenter, order: tuple[int, ...], dims: tuple[str, ...]
) -> None:
    labels = fitted.predict(array(IMAGE.transpose(order), dims))
    rows = dims[order.index(1)], dims[order.index(2)]
    assert labels.dims == rows
    assert (labels.values == fitted.labels_).all()


def test_time(fitted: KTexturesSegmenter) -> None:
    days = np.array(['2024-05-01', '2024-06-01'], 'datetime64[ns]')
    both = array(np.stack([IMAGE, IMAGE[:, ::-1]]), ('time', *BAND))
    both = both.assign_coords(time=days)
    labels = fitted.predict(both[:1])
    assert (labels.values == fitted.labels_).all()
    assert labels.time == days[0]
    for name in ('time', 'acquired'):
        renamed = both.rename(time=name)
        for series in (renamed, renamed.to_dataset('band')):
            found = fitted.predict(series)
            assert found.dims == (name, 'y', 'x')
            assert (found[0].values == fitted.labels_).all()
        # Of two such dimensions, it is not clear which is which.
        twice = renamed.expand_dims(season=2)
        with pytest.raises(ValueError, match=r'2 dates along .*\.isel\('):
            fitted.predict(twice)
    found = fitted.predict([both.isel(time=i) for i in range(2)])
    assert isinstance(found, list)
    assert [labels.time.item() for labels in found] == days.tolist()
    assert (found[0].values == fitted.labels_).all()
    # not named at all: a stack as of NumPy
    stack = xr.DataArray(both.values)
    assert (fitted.predict(stack)[0].values == fitted.labels_).all()


@pytest.mark.parametrize(
    'names',
    [
        ('red', 'green', 'blue', 'nir'),
        ('Red', 'Green', 'Blue', 'NIR'),
        ('B04', 'B03', 'B02', 'B08'),
        ('B4', 'B3', 'B2', 'B8'),
        ('r', 'g', 'b', 'n'),
    ],
)
def test_names_of_bands(fitted: KTexturesSegmenter, names: tuple[str, ...]) -> None:
    order = [2, 1, 0, 3]
    shuffled = {names[i]: (('y', 'x'), IMAGE[i]) for i in order}
    dataset = xr.Dataset(shuffled).assign(spatial_ref=0, tiles=('y', np.zeros(SIZE)))
    named = array(IMAGE[order], coords={'band': [names[i] for i in order]})
    described = array(IMAGE[order], attrs={'long_name': [names[i] for i in order]})
    for form in (dataset, named, described):
        assert (np.asarray(fitted.predict(form)) == fitted.labels_).all()


def test_other_names_keep_their_order() -> None:
    variables = {f'v{i}': (('y', 'x'), IMAGE[i]) for i in range(4)}
    segmenter = make().fit(xr.Dataset(variables))
    check(segmenter.labels_)
    np.testing.assert_allclose(
        segmenter.cluster_centers_.mean(0), COLORS.mean(0), atol=0.03
    )
    # and another order of the same is brought to this one
    backwards = xr.Dataset(dict(reversed(variables.items())))
    assert (segmenter.predict(backwards) == segmenter.labels_).all()
    with pytest.raises(ValueError, match='v0, v1, v2, w.*v0, v1, v2, v3 are expected'):
        segmenter.predict(xr.Dataset(variables).rename(v3='w'))
    check(
        segmenter.predict(xr.Dataset(variables).rename(v0='a', v1='b', v2='c', v3='d'))
    )
    check(segmenter.predict(IMAGE))


def test_layers_of_quality_are_no_bands(fitted: KTexturesSegmenter) -> None:
    dataset = array(IMAGE, coords={'band': ['red', 'green', 'blue', 'nir']})
    dataset = dataset.to_dataset('band').assign(
        SCL=(('y', 'x'), VALID.astype(np.uint8)),
        clouds=(('y', 'x'), VALID.astype(np.uint8), {'flag_values': [0, 1]}),
    )
    with pytest.warns(DataWarning, match='SCL, clouds'):
        labels = fitted.predict(dataset)
    assert (labels.values == fitted.labels_).all()
    with pytest.raises(ValueError, match=r'no variable.*\(variables: SCL\)'):
        fitted.predict(xr.Dataset({'SCL': ('y', [1])}))


@pytest.mark.parametrize('y', [np.arange(64.0), -10 * np.arange(64.0) + 9e6])
def test_coordinates(fitted: KTexturesSegmenter, y: Array) -> None:
    x = 10 * np.arange(64.0) + 3e5
    crs = xr.DataArray(0, attrs={'crs_wkt': 'PROJCS[...]', 'GeoTransform': '1 2'})
    coords = {'y': y, 'x': x, 'spatial_ref': crs, 'band': [1, 2, 3, 4]}
    attrs = {'crs': 'EPSG:32725', 'units': '1', 'nodata': FILL, 'grid_mapping': 'a'}
    image = array(IMAGE, coords=coords, attrs=attrs)
    for form in (image, image.transpose('x', 'y', 'band'), image.to_dataset('band')):
        labels = fitted.predict(form)
        assert labels.dims == ('y', 'x')
        assert (labels.values == fitted.labels_).all()
        assert (labels.y.values == y).all()
        assert (labels.x.values == x).all()
        assert labels.spatial_ref.attrs == crs.attrs
        assert set(labels.coords) == {'y', 'x', 'spatial_ref'}
        assert labels.attrs['_FillValue'] == -1
        assert labels.attrs['crs'] == 'EPSG:32725'
        assert labels.attrs['grid_mapping'] == 'a'
        assert 'nodata' not in labels.attrs
    assert image.attrs == attrs  # as it was


def test_labels_are_as_the_image_was(fitted: KTexturesSegmenter) -> None:
    image = array(IMAGE, coords={'y': np.arange(64) * 2})
    segmenter = make()
    found = segmenter.fit_predict(image)
    assert found is segmenter.labels_
    assert (found.y == image.y).all()
    lists: Any = make().fit_predict([image, image[:, 5:]])
    assert [a.y.values[0] for a in lists] == [0, 10]
    mixed: Any = fitted.predict([image, IMAGE])
    assert [type(a) for a in mixed] == [xr.DataArray, np.ndarray]


def test_rioxarray(fitted: KTexturesSegmenter, tmp_path: Path) -> None:
    rioxarray = pytest.importorskip('rioxarray')
    path = write_raster(tmp_path / 'a.tif', COUNTS, nodata=FILL)
    segmenter = make().fit(np.ma.masked_equal(COUNTS, FILL))
    for options in ({}, {'masked': True}, {'chunks': (1, 50, 30)}):
        labels: Any = segmenter.predict(rioxarray.open_rasterio(path, **options))
        assert (labels.values == segmenter.labels_).all()
        with rasterio.open(path) as src:
            assert labels.rio.crs == src.crs
            assert labels.rio.transform() == src.transform
        labels.rio.to_raster(tmp_path / 'labels.tif')
        with rasterio.open(tmp_path / 'labels.tif') as src:
            assert src.nodata == -1
            assert (src.read(1) == segmenter.labels_).all()
