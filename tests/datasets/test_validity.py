# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from torchgeo_ktextures.datasets import open_raster
from torchgeo_ktextures.datasets.validity import (
    combine_validity,
    is_nodata,
    read_bands,
)

from ..rasters import write_raster

LOWEST = float(np.finfo(np.float32).min)


@pytest.mark.parametrize(
    ('value', 'dtype', 'nodata', 'missing'),
    [
        (0, 'uint8', [0], True),
        (0, 'uint8', [], False),
        (255, 'uint8', [-9999, 255], True),
        (255, 'uint8', [511], False),  # not 255, modulo 256
        (5, 'int16', [5.5], False),
        (-9999, 'int16', [-9999], True),
        (LOWEST, 'float32', [-3.4e38], True),
        (LOWEST, 'float32', [-3.4028234663852886e38], True),
        (LOWEST, 'float32', [3.4e38], False),
        (9.969209968386869e36, 'float32', [9.96921e36], True),
        (-9999, 'float32', [-9999], True),
        (-9998.9, 'float32', [-9999], False),
        (0.1, 'float32', [0.1], True),
        (np.nan, 'float32', [], True),
        (np.inf, 'float32', [0], True),
        (-np.inf, 'float64', [np.nan], True),
        (1, 'float32', [np.nan], False),
    ],
)
def test_is_nodata(value: Any, dtype: str, nodata: list[float], missing: bool) -> None:
    assert is_nodata(np.array([value], dtype), nodata).tolist() == [missing]


def test_any_or_all_bands() -> None:
    data = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)
    invalid = np.zeros(data.shape, bool)
    invalid[0, 0, 0] = invalid[:, 2, 3] = True
    valid = np.ones((3, 4), bool)
    valid[0, 0] = valid[2, 3] = False
    assert (combine_validity(data, invalid, 'any')[1] == valid).all()
    filled, kept = combine_validity(data, invalid, 'all')
    assert not kept[2, 3]
    assert kept.sum() == 11
    assert filled[0, 0, 0] in (1, 4)  # the nearest of the same band
    assert (filled[1] == data[1]).all()
    assert data[0, 0, 0] == 0  # the input stays
    with pytest.raises(ValueError, match=r"invalid_if='some' must be 'any' or 'all'"):
        combine_validity(data, invalid, 'some')  # type: ignore[arg-type]


def invalid_pixels(path: Path, **kwargs: Any) -> list[tuple[int, int]]:
    with open_raster(str(path)) as src:
        valid = read_bands(src, [1, 2, 3], **kwargs)[1]
    return [(int(r), int(c)) for r, c in np.argwhere(~valid)]


@pytest.mark.parametrize('listing', ['FALSE', 'EMPTY_DIR'])
def test_gdal_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listing: str
) -> None:
    # As TorchGeo's command sets it.
    monkeypatch.setenv('GDAL_DISABLE_READDIR_ON_OPEN', listing)
    data = np.full((3, 8, 8), 50, np.uint8)
    data[:, 1, 1] = 0
    data[1, 2, 2] = 0
    assert invalid_pixels(write_raster(tmp_path / 'none.tif', data)) == []
    tag = write_raster(tmp_path / 'tag.tif', data, nodata=0)
    assert invalid_pixels(tag) == [(1, 1), (2, 2)]
    assert invalid_pixels(tag, invalid_if='all') == [(1, 1)]
    assert invalid_pixels(tag, nodata=[50], invalid_if='all') == [
        (r, c) for r in range(8) for c in range(8)
    ]
    for inside in (True, False):  # within the file, and as .msk
        path = write_raster(tmp_path / f'mask{inside}.tif', data)
        mask = np.full((8, 8), 255, np.uint8)
        mask[3, 3] = 0
        with (
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK=inside),
            rasterio.open(path, 'r+') as dst,
        ):
            dst.write_mask(mask)
        assert path.with_name(f'{path.name}.msk').exists() is not inside
        assert invalid_pixels(path) == [(3, 3)]
        assert invalid_pixels(path, nodata=[0]) == [(1, 1), (2, 2), (3, 3)]


def test_lowest_float_with_a_rounded_tag(tmp_path: Path) -> None:
    data = np.full((3, 8, 8), 0.5, np.float32)
    data[:, 4, 4] = LOWEST
    data[0, 5, 5] = np.nan
    path = write_raster(tmp_path / 'a.tif', data, nodata=-3.4e38)
    assert invalid_pixels(path) == [(4, 4), (5, 5)]
    path = write_raster(tmp_path / 'b.tif', data)
    assert invalid_pixels(path) == [(5, 5)]
    assert invalid_pixels(path, nodata=[-3.4e38]) == [(4, 4), (5, 5)]


def test_nodata_of_each_band_of_a_vrt(tmp_path: Path) -> None:
    data = np.full((1, 8, 8), 7, np.int16)
    data[0, 0, 0], data[0, 0, 1] = 1, 2
    write_raster(tmp_path / 'a.tif', data)
    bands = ''.join(
        f'<VRTRasterBand dataType="Int16" band="{i}"><NoDataValue>{nodata}'
        '</NoDataValue><SimpleSource><SourceFilename relativeToVRT="1">a.tif'
        '</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>'
        for i, nodata in ((1, 1), (2, 2), (3, -9))
    )
    path = tmp_path / 'v.vrt'
    path.write_text(f'<VRTDataset rasterXSize="8" rasterYSize="8">{bands}</VRTDataset>')
    assert invalid_pixels(path) == [(0, 0), (0, 1)]
    assert invalid_pixels(path, invalid_if='all') == []


def test_band_without_any_value_is_not_filled(tmp_path: Path) -> None:
    data = np.full((3, 8, 8), 7, np.int16)
    data[2] = 0
    path = write_raster(tmp_path / 'a.tif', data, nodata=0)
    assert len(invalid_pixels(path, invalid_if='all')) == 64
