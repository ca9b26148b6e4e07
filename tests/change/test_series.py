# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Time in, time out."""

from pathlib import Path

import numpy as np
import pytest
import rasterio

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.maps.reading import MODEL_TAG, map_colors, open_raster

from ..planet import write_quad
from ..test_planet_cli import small
from .conftest import counts_of, tags_of

xr = pytest.importorskip('xarray')
DAYS = np.array(['2024-05-01', '2024-06-01', '2024-07-01'], 'datetime64[ns]')


@pytest.fixture(scope='module')
def series() -> 'xr.DataArray':
    """Three dates, of which the last is the first again, and one has no data."""
    one, two = counts_of(0), counts_of(10, change=True)
    stack = np.stack([one, two, one])[:, :, :64, :64].astype(float)
    coordinates = {
        'time': DAYS,
        'band': ['red', 'green', 'blue', 'nir'],
        'y': np.arange(64) * -10.0,
        'x': np.arange(64) * 10.0,
        'cloud_cover': ('time', [0, 10, 20]),
    }
    dims = ('time', 'band', 'y', 'x')
    return xr.DataArray(stack, coordinates, dims, attrs={'crs': 'EPSG:32633'})


def test_time(series: 'xr.DataArray') -> None:
    model = KTexturesSegmenter(3, max_steps=2, random_state=0, device='cpu')
    labels = model.fit_predict(series)
    assert labels.dims == ('time', 'y', 'x')
    assert (labels.time.values == DAYS).all()
    assert labels.cloud_cover.values.tolist() == [0, 10, 20]
    assert labels.attrs['crs'] == 'EPSG:32633'
    assert (labels[0].values == labels[2].values).all()
    assert set(np.unique(labels)) <= {0, 1, 2}
    # One set of classes: each date by itself is the same.
    alone = model.predict(series[1])
    assert alone.dims == ('y', 'x')
    assert (alone.values == labels[1].values).all()
    # In another order of dimensions, as a dataset, and beside a single date.
    found = model.predict(series.transpose('y', 'x', 'time', 'band'))
    assert found.dims == ('time', 'y', 'x')
    assert (found.values == labels.values).all()
    dataset = series.drop_vars('cloud_cover').to_dataset('band')
    assert (model.predict(dataset).values == labels.values).all()
    both = model.predict([series[:2], series[2]])
    assert [one.shape for one in both] == [(2, 64, 64), (64, 64)]
    assert (model.cut(2).time.values == DAYS).all()
    # A date without data is unknown.
    gap = series.copy()
    gap[1] = np.nan
    found = model.predict(gap)
    assert (found[1] == -1).all()
    assert (found[0].values == labels[0].values).all()


def test_monthly_mosaics(tmp_path: Path) -> None:
    torchgeo = pytest.importorskip('torchgeo.main')
    months = ('2021-06', '2021-07')
    for i, month in enumerate(months):
        folder = tmp_path / 'data' / f'planet_medres_normalized_analytic_{month}_mosaic'
        write_quad(folder, size=128, seed=i)
    config = small('planet_basemap', tmp_path, paths=str(tmp_path / 'data'))
    args = ['--config', str(config)]
    torchgeo.main(['fit', *args])
    checkpoint = str(tmp_path / 'out' / 'ktextures.ckpt')
    torchgeo.main(['predict', *args, '--ckpt_path', checkpoint])
    maps = sorted((tmp_path / 'out').glob('*_labels.tif'))
    assert [path.name[34:41] for path in maps] == list(months)
    one, two = maps
    assert tags_of(one)[MODEL_TAG] == tags_of(two)[MODEL_TAG]
    with open_raster(one) as a, open_raster(two) as b:
        assert map_colors(a, range(2)) == map_colors(b, range(2))
        assert a.transform == b.transform
    with rasterio.open(one) as a, rasterio.open(two) as b:
        assert (a.read(1) == b.read(1)).mean() > 0.8
