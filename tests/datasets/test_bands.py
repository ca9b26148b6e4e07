# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from torchgeo_ktextures.datasets import band_indexes, band_roles, raster_bands
from torchgeo_ktextures.datasets.bands import mask_indexes

from ..rasters import write_raster

RGBN = ('red', 'green', 'blue', 'nir')


def write(
    path: Path,
    count: int,
    names: list[str] | None = None,
    colors: list[str] | None = None,
    dtype: str = 'uint16',
) -> Path:
    data = np.arange(1, count + 1, dtype=dtype)[:, None, None] * np.ones((1, 8, 8))
    write_raster(path, data.astype(dtype), names=names)
    if colors:
        with rasterio.open(path, 'r+') as dst:
            dst.colorinterp = [ColorInterp[c] for c in colors]
    return path


@pytest.mark.parametrize(
    ('names', 'expected'),
    [
        (['blue', 'green', 'red', 'nir'], [3, 2, 1, 4]),
        (['Red', 'GREEN', ' blue ', 'Near-Infrared'], [1, 2, 3, 4]),
        # An exact name before a prefix, and red_edge is not red.
        (['blue', 'green', 'red_edge', 'red_665', 'nir'], [4, 2, 1, 5]),
        (['red_665', 'red', 'green', 'blue', 'nir'], [2, 3, 4, 5]),
        (['red_B04', 'green_B03', 'blue_B02', 'nir_B08'], [1, 2, 3, 4]),
        (['coastal_blue', 'blue', 'green_i', 'green', 'yellow', 'red', 'rededge', 'nir'],
         [6, 4, 2, 8]),
        (['B', 'G', 'R', 'N'], [3, 2, 1, 4]),
        # Sentinel-2, Landsat 8 and Landsat 7 as of Earth Engine.
        (['B1', 'B2', 'B3', 'B4', 'B5', 'B6', 'B7', 'B8', 'B8A', 'B9', 'B11', 'B12'],
         [4, 3, 2, 8]),
        (['B02', 'B03', 'B04', 'B08'], [3, 2, 1, 4]),
        (['B02', 'B03', 'B04', 'B8A'], [3, 2, 1, 4]),
        (['SR_B1', 'SR_B2', 'SR_B3', 'SR_B4', 'SR_B5', 'SR_B6', 'SR_B7'], [4, 3, 2, 5]),
        (['SR_B1', 'SR_B2', 'SR_B3', 'SR_B4', 'SR_B5', 'SR_B7'], [3, 2, 1, 4]),
        (['sur_refl_b01', 'sur_refl_b02', 'sur_refl_b03', 'sur_refl_b04'],
         [1, 4, 3, 2]),
    ],
)  # fmt: skip
def test_names(tmp_path: Path, names: list[str], expected: list[int]) -> None:
    path = write(tmp_path / 'scene.tif', len(names), names)
    with rasterio.open(path) as src:
        assert raster_bands(src) == list(RGBN)
        assert band_indexes(src, RGBN) == expected
        note = band_roles(src).note
        assert (note is None) is any('red' in n.lower() or n == 'R' for n in names)


def test_satellite_in_the_name_of_the_file(tmp_path: Path) -> None:
    names = ['SR_B2', 'SR_B3', 'SR_B4', 'SR_B5']
    with rasterio.open(write(tmp_path / 'a.tif', 4, names)) as src:
        assert band_indexes(src, RGBN) == [3, 2, 1, 4]
    names = ['B1', 'B2', 'B3', 'B4']
    with rasterio.open(write(tmp_path / 'LE07_L2SP_x.tif', 4, names)) as src:
        assert band_indexes(src, RGBN) == [3, 2, 1, 4]


def test_numbers_are_no_names(tmp_path: Path) -> None:
    for number, names in enumerate(
        (None, ['Band 1', 'Band 2', 'Band 3', 'Band 4'], ['x_1', 'x_2', 'x_3', 'x_4'])
    ):
        path = write(tmp_path / f'{number}.tif', 4, names)
        with rasterio.open(path) as src:
            assert band_indexes(src, RGBN) == [1, 2, 3, 4]
            assert band_roles(src).note == (
                'band names not given: taking 1, 2, 3, 4 as red, green, blue, nir; '
                '--bands to change'
            )
            with pytest.raises(ValueError, match="no band 'red_edge'"):
                band_indexes(src, ['red_edge'])


def test_other_names_are_not_guessed(tmp_path: Path) -> None:
    path = write(tmp_path / 'a.tif', 4, ['vv', 'vh', 'slope', 'height'])
    with rasterio.open(path) as src:
        with pytest.raises(ValueError, match=r"no band 'red'.*vv, vh.*--bands"):
            band_indexes(src, raster_bands(src))
        assert band_indexes(src, ['VH', 1, 'height']) == [2, 1, 4]


def test_color_interpretation(tmp_path: Path) -> None:
    path = write(tmp_path / 'a.tif', 4, colors=['blue', 'green', 'red', 'undefined'])
    with rasterio.open(path) as src:
        assert band_indexes(src, RGBN) == [3, 2, 1, 4]
        assert 'taking it as near infrared' in str(band_roles(src).note)
    path = write(tmp_path / 'b.tif', 5, colors=['nir', 'red', 'green', 'blue', 'alpha'])
    with rasterio.open(path) as src:
        assert band_indexes(src, RGBN) == [2, 3, 4, 1]
        assert mask_indexes(src) == [5]


@pytest.mark.parametrize(
    ('name', 'count', 'expected'),
    [
        ('20210601_101010_1003_3B_AnalyticMS_SR_clip.tif', 4, [3, 2, 1, 4]),
        ('20210601_101010_45_2413_3B_AnalyticMS_SR_8b_harmonized.tif', 8, [6, 4, 2, 8]),
        ('L15-1664E-1107N.tif', 5, [3, 2, 1, 4]),
        ('composite.tif', 4, [3, 2, 1, 4]),
    ],
)
def test_planet_names_before_colors(
    tmp_path: Path, name: str, count: int, expected: list[int]
) -> None:
    colors = ['red', 'green', 'blue', *['undefined'] * (count - 3)]
    path = write(tmp_path / name, count, colors=colors)
    if name == 'composite.tif':
        with rasterio.open(path) as src:
            assert band_indexes(src, RGBN) == [1, 2, 3, 4]
        write(tmp_path / 'composite_udm2.tif', 8, dtype='uint8')
    with rasterio.open(path) as src:
        assert band_indexes(src, RGBN) == expected
        assert mask_indexes(src) == ([5] if count == 5 else [])


def test_fourth_band_of_0_and_255(tmp_path: Path) -> None:
    data = np.full((4, 8, 8), 90, np.uint8)
    data[3] = 255
    data[3, :2] = 0
    for number, (masks, change) in enumerate(
        (([4], None), ([4], 255), ([], 128), ([], 'nir'))
    ):
        names = None
        if isinstance(change, str):
            names = list(RGBN)
        elif change is not None:
            data[3, 5, 5] = change
        path = write_raster(tmp_path / f'{number}.tif', data, names=names, alpha='NO')
        with rasterio.open(path) as src:
            assert mask_indexes(src) == masks
            assert raster_bands(src) == list(RGBN[: 4 - len(masks)])
        data[3, 5, 5] = 255


def test_too_few_bands(tmp_path: Path) -> None:
    with (
        rasterio.open(write(tmp_path / 'two.tif', 2)) as src,
        pytest.raises(ValueError, match=r'two\.tif.*2 bands.*--bands 1,2,2'),
    ):
        band_indexes(src, raster_bands(src))
    path = write(tmp_path / 'palette.tif', 1, dtype='uint8')
    with rasterio.open(path, 'r+') as dst:
        dst.write_colormap(1, {1: (1, 2, 3, 255)})
    with (
        rasterio.open(path) as src,
        pytest.raises(ValueError, match='gdal_translate -expand rgb'),
    ):
        band_indexes(src, raster_bands(src))
