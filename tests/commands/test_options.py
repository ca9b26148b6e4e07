# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import math

import pytest

from torchgeo_ktextures.commands.options import join_lists, parse_bands, parse_nodata


@pytest.mark.parametrize(
    ('typed', 'joined'),
    [
        ('a.tif --nodata -9999 --seed 1', 'a.tif --seed 1 --nodata=-9999'),
        ('--nodata -3.4e38', '--nodata=-3.4e38'),
        ('--nodata=-1e20', '--nodata=-1e20'),
        ('--nodata nan', '--nodata=nan'),
        ('--nodata 0 -9999 --output b.tif', '--output b.tif --nodata=0,-9999'),
        ('--nodata 0 --nodata -1', '--nodata=0,-1'),
        ('--nodata 0,-9999', '--nodata=0,-9999'),
        ('--bands 4,3,2,8', '--bands=4,3,2,8'),
        ('--bands [4,3,2,8] a.tif', 'a.tif --bands=4,3,2,8'),
        ('--bands 4 3 2 8 a.tif', 'a.tif --bands=4,3,2,8'),
        ('--bands red,green,blue a.tif', 'a.tif --bands=red,green,blue'),
        ('a.tif --nodata', 'a.tif --nodata'),
        ('--nodata --seed 1', '--nodata --seed 1'),
    ],
)
def test_join_lists(typed: str, joined: str) -> None:
    assert join_lists(typed.split()) == joined.split()


def test_parse() -> None:
    assert parse_bands('4,3,2,8') == [4, 3, 2, 8]
    assert parse_bands("['B4', B3,2]") == ['B4', 'B3', 2]
    assert parse_bands(None) is None
    assert parse_bands(['red', 2]) == ['red', 2]
    with pytest.raises(ValueError, match=r"bands='\[\]' names no band"):
        parse_bands('[]')
    assert parse_nodata('0,-3.4e38') == [0, -3.4e38]
    assert parse_nodata(None) is None
    assert parse_nodata(7) == [7]
    assert math.isnan((parse_nodata('nan') or [0])[0])
    with pytest.raises(ValueError, match="nodata='None' is not a number"):
        parse_nodata('None')
