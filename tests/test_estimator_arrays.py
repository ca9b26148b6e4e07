# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Arrays of all kinds through the estimator, as people hand them over."""

import copy
import runpy
import sys
import tracemalloc
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.datamodules.images import as_images
from torchgeo_ktextures.datasets import ArrayWindows, PixelWindow

from .arrays import (
    BAND,
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

xr = pytest.importorskip('xarray')


@pytest.fixture(scope='module')
def fitted() -> KTexturesSegmenter:
    return make().fit(IMAGE)


@pytest.fixture(scope='module')
def of_counts() -> KTexturesSegmenter:
    return make().fit(np.ma.masked_equal(COUNTS, FILL))


def test_right_classes(fitted: KTexturesSegmenter) -> None:
    check(fitted.labels_)
    assert isinstance(fitted.labels_, np.ndarray)


@pytest.mark.parametrize(
    'form',
    [
        np.asfortranarray,
        lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 0, -1)), -1, 0),
        lambda a: a[:, ::-1, ::-1].copy()[:, ::-1, ::-1],
        lambda a: a.astype('>f4'),
        lambda a: np.broadcast_to(a, a.shape),
        lambda a: a.astype(object),
        lambda a: np.where(np.isnan(a), None, a.astype(object)),
        lambda a: np.ma.masked_invalid(a),
        lambda a: np.where(np.isnan(a), np.inf, a),
        lambda a: np.where(np.isnan(a), -np.inf, a),
        lambda a: torch.tensor(a, requires_grad=True),
        lambda a: torch.tensor(a).permute(1, 2, 0).contiguous().permute(2, 0, 1),
    ],
)
def test_forms(fitted: KTexturesSegmenter, form: Callable[[Array], Any]) -> None:
    assert (fitted.predict(form(IMAGE)) == fitted.labels_).all()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_torch(fitted: KTexturesSegmenter, dtype: torch.dtype) -> None:
    check(fitted.predict(torch.tensor(IMAGE).to(dtype)))


@pytest.mark.parametrize('dtype', [torch.int16, torch.int64, torch.bfloat16])
def test_torch_nodata(of_counts: KTexturesSegmenter, dtype: torch.dtype) -> None:
    # bfloat16 has no -9999, and rounds it as it rounds the image
    segmenter = copy.copy(of_counts).set_params(nodata=FILL)
    check(segmenter.predict(torch.tensor(COUNTS).to(dtype)))


def test_unsigned() -> None:
    data = np.where(VALID, COUNTS, 65535.0).astype(np.uint16)
    segmenter = make(nodata=[0, 65535]).fit(torch.tensor(data))
    check(segmenter.labels_)
    # a value that the type does not have is none of the image
    assert (make(nodata=-1).fit_predict(data) >= 0).all()


def test_bool() -> None:
    labels = make().fit_predict(IMAGE > 0.1)
    assert labels.shape == (SIZE, SIZE)
    assert (labels >= 0).all()


@pytest.mark.parametrize(
    ('fill', 'tag', 'dtype'),
    [
        (np.finfo(np.float32).min, -3.4e38, np.float32),
        (np.finfo(np.float32).min, -3.4028234663852886e38, np.float32),
        (np.finfo(np.float32).max, 3.4028235e38, np.float64),
        (np.float32(-9999.9), -9999.9, np.float32),
        (9.969209968386869e36, 9.96921e36, np.float32),
        (-9999, -9999, np.float16),
        (255, 255, np.uint8),
        (-(2**62), -(2**62), np.int64),
    ],
)
def test_nodata_in_the_type_of_the_band(fill: Any, tag: float, dtype: Any) -> None:
    data = np.where(VALID, (IMAGE * 400).clip(0, 250), fill).astype(dtype)
    segmenter = make().fit(np.where(VALID, data, np.nan))
    expected = segmenter.labels_
    found = segmenter.predict(array(data, attrs={'nodata': tag}))
    assert (np.asarray(found) == expected).all()


def test_some_bands_missing(fitted: KTexturesSegmenter) -> None:
    data = IMAGE.copy()
    data[1, 30, 40:50] = np.nan
    hole = VALID.copy()
    hole[30, 40:50] = False
    check(fitted.predict(data), hole)
    check(make(invalid_if='all').fit_predict(data))
    with pytest.raises(ValueError, match="invalid_if='some'"):
        make(invalid_if='some').fit(data)


def test_few_rows_by_name() -> None:
    # by shape alone this might be an image of which the bands come last
    wide = np.random.default_rng(0).normal(size=(20, 40, 16))
    wide[:, :20] += 9
    with pytest.raises(ValueError, match=r'20 bands of 40 x 16.*np\.moveaxis'):
        make().fit(wide)
    segmenter = make(features=['color'], patch_size=16).fit(array(wide))
    assert segmenter.labels_.shape == (40, 16)


def test_bands_last(fitted: KTexturesSegmenter) -> None:
    last = np.moveaxis(IMAGE, 0, -1)
    for form in (last, [last, last], last[None], torch.tensor(last), array(last)):
        if hasattr(form, 'dims'):
            form = form.rename(band='a', y='b', x='c')
        with pytest.raises(ValueError, match=r'\(64, 64, 4\).*np\.moveaxis'):
            fitted.predict(form)
    # an image that is narrow is none of these
    assert fitted.predict(IMAGE[:, :, -16:]).shape == (64, 16)


@pytest.mark.parametrize('chunks', [(4, 64, 64), (1, 17, 23), (3, 5, 64)])
def test_dask(
    fitted: KTexturesSegmenter, of_counts: KTexturesSegmenter, chunks: tuple[int, ...]
) -> None:
    dask = pytest.importorskip('dask.array')
    lazy = dask.from_array(IMAGE, chunks)
    assert (fitted.predict(lazy) == fitted.labels_).all()
    named = array(lazy, coords={'band': ['red', 'green', 'blue', 'nir']})
    last = named.transpose('y', 'x', 'band')
    for form in (named, last, named.to_dataset('band')):
        assert (fitted.predict(form).values == fitted.labels_).all()
    masked = dask.ma.masked_equal(dask.from_array(COUNTS, chunks), FILL)
    assert (of_counts.predict(masked) == of_counts.labels_).all()


def test_fit_dask(fitted: KTexturesSegmenter) -> None:
    dask = pytest.importorskip('dask.array')
    lazy = dask.from_array(IMAGE, (1, 17, 23))
    assert (make().fit_predict(lazy) == fitted.labels_).all()


def test_dask_is_read_block_by_block(fitted: KTexturesSegmenter) -> None:
    dask = pytest.importorskip('dask.array')
    largest = 0
    side = 4096

    def block(block_info: Any) -> Array:
        nonlocal largest
        (_, *_), rows, cols = block_info[None]['array-location']
        shape = rows[1] - rows[0], cols[1] - cols[0]
        largest = max(largest, *shape)
        return np.resize(COUNTS, (4, *shape))

    lazy = dask.map_blocks(block, chunks=((4,), (512,) * 8, (512,) * 8), dtype=np.int16)
    # 128 MiB as they are, 256 MiB as float32
    image = as_images(lazy)[0][0]
    tracemalloc.start()
    windows = ArrayWindows([image])
    windows.validity(0)
    for row in range(0, side, 512):
        w = (0, row, 100, 512, 700, row, 100, 512, 700)
        assert windows[PixelWindow(*w)]['image'].shape == (4, 512, 700)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert largest == 512
    assert peak < 120 * 2**20


@pytest.mark.parametrize(
    ('image', 'error', 'message'),
    [
        (IMAGE.astype(complex), ValueError, 'complex128; take the amplitude'),
        (np.full(IMAGE.shape, 'a'), TypeError, 'type <U1'),
        (np.full(IMAGE.shape, 'a', object), TypeError, "no number.*'a'.*astype"),
        (list(IMAGE), ValueError, r'\(64, 64\).*np\.stack'),
        (IMAGE[None, None], ValueError, r'\(1, 1, 4, 64, 64\).*bands come first'),
        (IMAGE[:, :0], ValueError, r'\(4, 0, 64\), which holds no pixel'),
        (None, ValueError, r'shape \(\) \(NoneType\)'),
        (array(attrs={'nodata': 'x'}), ValueError, r"attrs\['nodata'\]='x'"),
        (array(IMAGE[:, 0], ('band', 'y')), ValueError, r'\(band: 4, y: 64\): x not'),
        (array(IMAGE[0, 0], ('x',)), ValueError, 'y not found'),
        (array(IMAGE[None][[0, 0]], ('q', *BAND)), ValueError, r'isel\(q=0\)'),
        (xr.Dataset(), ValueError, r'variables: none'),
    ],
)
def test_refused(
    fitted: KTexturesSegmenter, image: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        fitted.predict(image)


@pytest.mark.parametrize(
    'name',
    [
        'datamodules.images',
        'datamodules.xarrays',
        'datamodules.xarray_dims',
        'datamodules.xarray_tags',
        'datasets.array_image',
        'datasets.array_windows',
        'datasets.dask_blocks',
    ],
)
def test_xarray_and_dask_are_optional(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for library in ('xarray', 'dask', 'dask.array'):
        monkeypatch.setitem(sys.modules, library, None)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # that the module was imported before
        found = runpy.run_module(f'torchgeo_ktextures.{name}')
    if 'as_images' in found:
        assert found['as_images'](IMAGE)[0][0].shape == IMAGE.shape
