# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Items of catalogs as scenes."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from torchgeo_ktextures.cli import main
from torchgeo_ktextures.datamodules.inputs import Inputs
from torchgeo_ktextures.datasets import (
    PixelWindow,
    RasterWindows,
    band_indexes,
    list_scenes,
    raster_bands,
    raster_name,
)
from torchgeo_ktextures.datasets.identity import raster_state
from torchgeo_ktextures.errors import DataWarning
from torchgeo_ktextures.sources import CorruptRasterError, open_raster

from ..rasters import write_raster
from .items import COARSE, FINE, GEOTIFF, asset, clouds, item, write_item, write_items
from .server import serve

RGBN = ('red', 'green', 'blue', 'nir')


@pytest.fixture(scope='module')
def items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of two items."""
    folder = tmp_path_factory.mktemp('items')
    both = [write_item(folder, name, seed) for seed, name in enumerate(('S2A', 'S2B'))]
    return write_items(folder / 'items.json', *both)


def content(items: Path) -> dict[str, Any]:
    """The first item, to be changed."""
    found: dict[str, Any] = json.loads(items.read_text())['features'][0]
    return found


def test_an_item_is_a_raster_on_the_fine_grid(items: Path) -> None:
    scenes, _ = list_scenes(items)
    assert scenes == [f'{items}#S2A', f'{items}#S2B']
    assert [raster_name(scene) for scene in scenes] == ['S2A', 'S2B']
    with open_raster(scenes[0]) as src:
        names = ('blue', 'green', 'red', 'nir', 'swir16', 'alpha')
        assert src.descriptions == names
        assert (src.transform, src.shape, src.crs) == (FINE, (96, 96), 'EPSG:32633')
        assert raster_bands(src) == list(RGBN)
        assert band_indexes(src, ['B04', 'b11', 'nir']) == [3, 5, 4]
        assert src.scales[:5] == (0.0001,) * 5
        assert src.offsets[:5] == (-0.1,) * 5
        swir = src.read(5)
    assert (swir[::2, ::2].ravel() == np.arange(1, 48 * 48 + 1)).all()
    assert (swir[1::2, 1::2] == swir[::2, ::2]).all()
    image, valid = RasterWindows(scenes[0]).read(0, None)
    with rasterio.open(items.parent / 'S2A' / 'B04.tif') as src:
        np.testing.assert_allclose(image[0], (src.read(1) * 1e-4 - 0.1) * valid, 1e-5)
    fine = clouds()[0].repeat(2, 0).repeat(2, 1)
    assert (valid == np.isin(fine, (2, 4, 5, 6, 7, 11))).all()
    # A choice in the address holds for all that read it.
    kept = RasterWindows(f'{items}#masks=none')
    assert kept.files == [f'{items}#id=S2A&masks=none', f'{items}#id=S2B&masks=none']
    assert kept.read(1, None)[1].all()
    raw = RasterWindows(scenes[0], ignore_scale=True)
    assert raw.read(0, None)[0].max() > 1000


def test_segment_items(items: Path, tmp_path: Path, capsys: Any) -> None:
    command = [
        'segment', str(items), '--output', str(tmp_path / 'maps'), '--n-clusters', '4',
        '--steps', '6', '--device', 'cpu',
    ]  # fmt: skip
    main(command)
    said = 'digital numbers x 0.0001 - 0.1, by the tags of the files'
    assert f'Units of bands: {said}.' in capsys.readouterr().out
    names = {path.name for path in (tmp_path / 'maps').glob('*.tif')}
    assert names == {'S2A_labels.tif', 'S2B_labels.tif'}
    with rasterio.open(tmp_path / 'maps' / 'S2A_labels.tif') as src:
        assert (src.transform, src.shape) == (FINE, (96, 96))
        assert (src.read(1) == 255).sum() == 4 * 6
    main(command)
    assert 'there already' in capsys.readouterr().out
    state = raster_state(f'{items}#S2A')
    band = items.parent / 'S2A' / 'B08.tif'
    os.utime(band, ns=(0, band.stat().st_mtime_ns + 10**9))
    assert state != raster_state(f'{items}#S2A') is not None


def test_forms_of_metadata(items: Path, tmp_path: Path) -> None:
    """STAC 1.1, one asset of four bands, no metadata, finer and other copies."""
    bands, four = content(items), tmp_path / 'four.tif'
    data = np.stack([np.full((8, 8), i + 1, np.uint8) for i in range(4)])
    write_raster(four, data, crs='EPSG:32633', transform=FINE, names=RGBN)
    red = bands['assets']['B04']
    newer = {
        'href': red['href'],
        'type': GEOTIFF,
        'roles': ['data'],
        'raster:scale': 0.5,
        'bands': [{'name': 'B04', 'eo:common_name': 'red', 'raster:offset': 3}],
    }
    coarse = red | {'href': './S2A/B11.tif', 'gsd': 20}
    other = red | {'href': './S2A/none.jp2', 'type': 'image/jp2'}
    assets = {'r20m': coarse, 'r-jp2': other} | bands['assets'] | {'B04': newer}
    path = write_items(items.parent / 'forms.json', item('forms', assets))
    with open_raster(str(path)) as src:
        red_band = band_indexes(src, ['red'])[0]
        assert (src.scales[red_band - 1], src.offsets[red_band - 1]) == (0.5, 3)
        assert src.shape == (96, 96)
        assert src.descriptions.count('red') == 1
    plain = {'href': str(four), 'type': GEOTIFF}
    for tags in (
        {},
        {'raster:bands': [{'nodata': 0}] * 4},
        {'eo:bands': [{'name': n, 'common_name': n} for n in RGBN]},
    ):
        single = item('one', {'image': plain | tags})
        (tmp_path / 'one.json').write_text(json.dumps(single))
        scene = f'{tmp_path}/one.json#one'
        assert list_scenes(tmp_path / 'one.json')[0] == [scene]
        image, valid = RasterWindows(scene).read(0, None)
        assert image[:, 0, 0].tolist() == [1, 2, 3, 4]
        assert valid.all()
    mask = np.arange(64).reshape(8, 8) > 9
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(four, 'r+') as dst:
        dst.write_mask(mask)
    os.utime(tmp_path / 'one.json', ns=(0, 0))
    assert (RasterWindows(scene).read(0, None)[1] == mask).all()
    alpha = np.concatenate([data, 255 * mask[None].astype(np.uint8)])
    write_raster(four, alpha, crs='EPSG:32633', transform=FINE, names=(*RGBN, 'alpha'))
    with rasterio.open(four, 'r+') as dst:
        dst.colorinterp = (*dst.colorinterp[:3], ColorInterp.gray, ColorInterp.alpha)
    os.utime(tmp_path / 'one.json', ns=(1, 1))
    assert (RasterWindows(scene).read(0, None)[1] == mask).all()


def test_offset_that_is_in_the_pixels_already(items: Path) -> None:
    found = content(items)
    found['properties']['earthsearch:boa_offset_applied'] = True
    path = write_items(items.parent / 'applied.json', found)
    with open_raster(str(path)) as src:
        assert src.offsets == (0,) * 6
        assert src.scales[0] == 0.0001


@pytest.mark.parametrize(
    ('key', 'values', 'clear'),
    [
        ('qa_pixel', [1, 21824, 21826, 22280, 21952, 30048], [0, 1, 0, 0, 1, 1]),
        ('Fmask', [0, 2, 8, 64, 80, 255], [1, 0, 0, 1, 1, 0]),
        ('ortho_udm2', [0, 1, 0, 1, 1, 0], [0, 1, 0, 1, 1, 0]),
        ('SCL_20m', [0, 3, 4, 8, 10, 11], [0, 0, 1, 0, 0, 1]),
    ],
)
def test_masks(tmp_path: Path, key: str, values: list[int], clear: list[int]) -> None:
    place: dict[str, Any] = {'crs': 'EPSG:32633', 'transform': FINE}
    write_raster(tmp_path / 'a.tif', np.ones((1, 1, 6), np.uint8), **place)
    write_raster(tmp_path / 'm.tif', np.array([[values]], np.uint16), **place)
    assets = {k: asset('a.tif', k) for k in ('B02', 'B03', 'B04', 'B08')}
    assets[key] = {'href': 'm.tif', 'type': GEOTIFF}
    path = write_items(tmp_path / 'a.json', item('a', assets))
    assert RasterWindows(str(path)).read(0, None)[1].astype(int).tolist() == [clear]


def test_without_near_infrared(items: Path, capsys: Any, tmp_path: Path) -> None:
    found = content(items)
    del found['assets']['B08'], found['assets']['B11']
    path = write_items(items.parent / 'rgb.json', found)
    named = r'\(assets: B02, B03, B04, SCL, visual, thumbnail\)'
    with pytest.warns(DataWarning, match=f'no band is named nir {named}: taking red,'):
        RasterWindows(str(path), bands=RGBN[:3])
    with pytest.raises(SystemExit):
        main([
            'segment', str(path), '--output', str(tmp_path), '--bands',
            'red,green,blue,nir',
        ])  # fmt: skip
    printed = capsys.readouterr().err
    assert "rgb.json#S2A has no band 'nir': it has 4 bands, blue, green" in printed
    assert 'assets: B02, B03, B04, SCL' in printed


def test_bad_items(items: Path, tmp_path: Path) -> None:
    folder, found = items.parent, content(items)
    (folder / 'text.json').write_text('{')
    (folder / 'other.json').write_text('{"a": 1}')
    write_items(folder / 'empty.json')
    missing = content(items)
    missing['assets']['B04']['href'] = './none.tif'
    write_items(folder / 'missing.json', missing)
    unmasked = content(items)
    unmasked['assets']['SCL']['href'] = './none.tif'
    write_items(folder / 'unmasked.json', unmasked)
    write_items(folder / 'asset.json', item('a', {'t': found['assets']['thumbnail']}))
    write_raster(
        folder / 'far.tif', np.ones((1, 8, 8), np.uint16), crs='EPSG:32634',
        transform=COARSE,
    )  # fmt: skip
    far = content(items)
    far['assets']['B08']['href'] = './far.tif'
    write_items(folder / 'far.json', far)
    for name, text in {
        'none.json': r"none.json' does not exist; check the path",
        'text.json': r'text.json is no STAC item, .* can be read \(Expecting',
        'other.json': 'other.json is no STAC item, collection of items or catalog',
        'empty.json': 'empty.json holds no items; name a collection',
        'items.json#S2C': "items.json has no item 'S2C', but S2A, S2B; check the name",
        'items.json#masks=some': "ends in 'masks=some'; after #, name an item",
        'items.json': r'holds 2 items; name one, as .*items.json#S2A',
        'missing.json': r"missing.json#S2A: asset B04: raster '.*none.tif' does not",
        'unmasked.json': r'asset SCL: .*; #masks=none after the address reads the item',
        'asset.json': r'asset.json#a has no asset that is a raster of data \(assets: t',
        'far.json': r'far.json#S2A: asset B08 is in EPSG:32634, others in EPSG:32633',
    }.items():
        with pytest.raises(ValueError, match=text) as error:
            open_raster(str(folder / name))
        assert isinstance(error.value, CorruptRasterError) or name in (
            'far.json',
            'items.json#masks=some',
        )
    extra = content(items)
    extra['assets']['B11']['href'] = './none.tif'
    write_items(folder / 'extra.json', extra)
    with pytest.warns(DataWarning, match='asset B11: .* does not exist.*; left out'):
        assert open_raster(str(folder / 'extra.json')).count == 5


def test_without_pystac(
    items: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    copy = items.parent / 'copy.json'  # not read before
    copy.write_bytes(items.read_bytes())
    monkeypatch.setitem(sys.modules, 'pystac', None)
    with pytest.raises(SystemExit):
        main(['segment', str(copy), '--output', str(tmp_path / 'maps')])
    text = "install it with pip install 'torchgeo-ktextures[stac]'"
    assert text in capsys.readouterr().err


@pytest.mark.enable_socket
@pytest.mark.allow_hosts(['127.0.0.1'])
def test_items_of_a_server(
    items: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / 'items').mkdir()
    (tmp_path / 'items' / 'S2A').write_text(json.dumps(content(items)))
    (tmp_path / 'items' / 'S2A.json').write_text('{}')
    for file in (items.parent / 'S2A').iterdir():
        target = tmp_path / 'items' / 'data' / file.name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(file.read_bytes())
    found = content(items)
    for one in found['assets'].values():
        one['href'] = one['href'].replace('./S2A', '{url}/items/data')
    catalog = {
        'type': 'Catalog', 'stac_version': '1.0.0', 'id': 'c', 'description': 'c',
        'links': [{'rel': 'item', 'href': './items/own'}],
    }  # fmt: skip
    with serve(tmp_path) as served:
        monkeypatch.setenv('GDAL_HTTP_MAX_RETRY', '0')
        text = json.dumps(found).replace('{url}', served.url)
        (tmp_path / 'items' / 'own').write_text(text)
        (tmp_path / 'catalog.json').write_text(json.dumps(catalog))
        page = {'type': 'FeatureCollection', 'features': [json.loads(text)]}
        page['links'] = [{'rel': 'next', 'href': 'more'}]
        (tmp_path / 'search').write_text(json.dumps(page))
        expected = RasterWindows(f'{items}#S2A').read(0, None)[0]
        for address in ('items/own', 'catalog.json'):
            scene = f'{served.url}/{address}'
            scenes = RasterWindows(scene)
            assert scenes.files == [f'{scene}#S2A']
            assert (scenes.read(0, None)[0] == expected).all()
        files = {path for _, path, _ in served.requests if 'data' in path}
        names = ('B02', 'B03', 'B04', 'B08', 'B11', 'SCL')
        assert files == {f'/items/data/{name}.tif' for name in names}
        assert raster_state(scenes.files[0]) is None
        with pytest.warns(DataWarning, match='is one page of more: taking its 1 items'):
            assert list_scenes(f'{served.url}/search')[0] == [
                f'{served.url}/search#S2A'
            ]
        with pytest.raises(
            CorruptRasterError, match=r'/items/none is no STAC item.*404'
        ):
            list_scenes(f'{served.url}/items/none?token=secret')


def test_stack_of_odc_stac(items: Path) -> None:
    """What odc-stac loads is an image as well: of all items, on one grid."""
    pystac = pytest.importorskip('pystac')
    stac = pytest.importorskip('odc.stac')
    from odc.geo.geobox import GeoBox

    found = pystac.ItemCollection.from_file(str(items)).items
    for one in found:
        one.set_self_href(str(items))
    loaded = stac.load(
        found,
        bands=['B08', 'B04', 'B03', 'B02'],
        groupby='id',
        geobox=GeoBox((96, 96), FINE, 'EPSG:32633'),
        chunks={'x': 32, 'y': 32},
    )
    median = loaded.median('time', keep_attrs=True)
    inputs = Inputs(median)
    inputs.data.setup('predict')
    image = inputs.data.predict_dataset[PixelWindow(0, *(0, 0, 96, 96) * 2)]['image']
    both = [RasterWindows(f'{items}#id={n}&masks=none') for n in ('S2A', 'S2B')]
    expected = np.mean([one.read(0, None)[0] for one in both], 0)
    np.testing.assert_allclose(image.numpy() * 1e-4 - 0.1, expected, 1e-3, 1e-4)
