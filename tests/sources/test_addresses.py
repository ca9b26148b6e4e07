# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Names that are made of addresses, and what is left out of them."""

import pytest

from torchgeo_ktextures.sources import (
    is_network,
    is_stac,
    raster_name,
    short_name,
    without_secrets,
)
from torchgeo_ktextures.sources.addresses import split_item, vsi_path


@pytest.mark.parametrize(
    ('path', 'plain', 'name'),
    [
        ('/a/scene?.tif', '/a/scene?.tif', 'scene?'),
        ('https://me:pw@h.org:8/a%20b.tif?sig=x.y#z', 'https://h.org:8/a%20b.tif#z', 'a_b'),
        ('/vsicurl/https://h.org/a.tif?sig=x/y.z', '/vsicurl/https://h.org/a.tif', 'a'),
        ('/vsicurl?sign=yes&url=https%3A%2F%2Fh.org%2Fa.tif%3Fs%3D1',
         '/vsicurl/https://h.org/a.tif', 'a'),
        ('/vsis3/b/c/a.tif', '/vsis3/b/c/a.tif', 'a'),
        ('https://h.org/a.tif?sig=a!b"c"', 'https://h.org/a.tif', 'a'),
        ('s3://b/a.tif?versionId=3', 's3://b/a.tif', 'a'),
        ('zip+https://h.org/z.zip?sig=1!in/a.tif', 'zip+https://h.org/z.zip!in/a.tif', 'a'),
        ('--image=https://h.org/a.tif?X-Amz-Signature=1',
         '--image=https://h.org/a.tif', None),
        ('NETCDF:"/vsicurl/https://h.org/a.nc?sig=1":red',
         'NETCDF:"/vsicurl/https://h.org/a.nc":red', 'a_red'),
        ('ZARR:"/d/a.zarr":/g/red', 'ZARR:"/d/a.zarr":/g/red', 'a_red'),
        ('https://h.org/items/S2?token=1#S2', 'https://h.org/items/S2#S2', 'S2'),
        ('items.json#S2B%2Fy z', 'items.json#S2B%2Fy z', 'S2B_y_z'),
        ('https://h.org/', 'https://h.org/', 'h'),
        ('https://h.org/?a=1', 'https://h.org/', 'h'),
    ],
)  # fmt: skip
def test_names_without_secrets(path: str, plain: str, name: str | None) -> None:
    assert without_secrets(path) == plain
    assert '?' not in short_name(path) or path.startswith('/a/')
    if name is not None:
        assert raster_name(path) == name


@pytest.mark.parametrize(
    ('path', 'network', 'stac'),
    [
        ('scene.tif', False, False),
        ('zip://a.zip!a.tif', False, False),
        ('file:///a.tif', False, False),
        ('zip+https://h/a.zip!a.tif', True, False),
        ('/vsizip//vsis3/b/a.zip/a.tif', True, False),
        ('/vsis3stuff/a.tif', False, False),
        ('NETCDF:a.nc:red', False, False),
        ('items.json#a', False, True),
        ('points.geojson', False, True),
        ('https://h/v1/collections/c/items/a', True, True),
        ('https://h/v1/search?limit=3', True, True),
        ('https://h/v1/items/a.tif', True, False),
        ('s3://b/items.json', True, False),
    ],
)
def test_kinds(path: str, network: bool, stac: bool) -> None:
    assert (is_network(path), is_stac(path)) == (network, stac)


def test_parts() -> None:
    assert split_item('a.json') == ('a.json', '', {})
    assert split_item('a.json#b%2Fc') == ('a.json', 'b/c', {})
    assert split_item('a.json#id=b&masks=none') == ('a.json', 'b', {'masks': 'none'})
    assert vsi_path('https://h/a.tif?b') == '/vsicurl/https://h/a.tif?b'
    assert vsi_path('s3://b/a.tif') == '/vsis3/b/a.tif'
    assert vsi_path('file:///a%20b.tif') == '/a b.tif'
    assert vsi_path('a.tif') == 'a.tif'
