# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from rasterio.transform import Affine
from scipy.ndimage import label as components
from shapely import Point

from torchgeo_ktextures.colors import class_colors
from torchgeo_ktextures.errors import UnreadableError
from torchgeo_ktextures.maps import ClassEntry, relabel_map

from ..label_maps import UTM, regions, write_labels
from ..rasters import write_raster


def legend(*names: str | None) -> list[ClassEntry]:
    return [ClassEntry(i, (i, 10, 20), name=name) for i, name in enumerate(names)]


def relabel(
    tmp_path: Path,
    labels: npt.NDArray[Any],
    entries: list[ClassEntry],
    profile: dict[str, Any] | None = None,
    **options: Any,
) -> npt.NDArray[Any]:
    path = write_labels(
        tmp_path / 'labels.tif', labels, len(entries), **(profile or {})
    )
    relabel_map(path, entries, tmp_path / 'named.tif', **options)
    with rasterio.open(tmp_path / 'named.tif') as dst:
        named: npt.NDArray[Any] = dst.read(1)
    return named


def test_merges_names_and_drops(tmp_path: Path) -> None:
    labels = regions()
    entries = legend('sea', '', 'forest', 'sea')[::-1]
    path = write_labels(tmp_path / 'labels.tif', labels)
    found = relabel_map(path, entries, tmp_path / 'deep' / 'named.tif')
    assert [c.name for c in found] == ['sea', 'forest', 'class 1']
    codes = np.full(256, 255)
    codes[[0, 1, 2, 3]] = [0, 2, 1, 0]
    with rasterio.open(path) as src, rasterio.open(tmp_path / 'deep/named.tif') as dst:
        assert (dst.read(1) == codes[labels]).all()
        assert (dst.crs, dst.transform, dst.nodata) == (src.crs, src.transform, 255)
        assert dst.tags(ns='IMAGE_STRUCTURE')['LAYOUT'] == 'COG'
        assert dst.colormap(1)[0] == (3, 10, 20, 255)  # of the first of that name
        assert json.loads(dst.tags(1)['CLASS_NAMES']) == ['sea', 'forest', 'class 1']
    pixels = [int((codes[labels] == i).sum()) for i in range(3)]
    assert [c.pixels for c in found] == pixels
    areas = [c.area_ha for c in found if c.area_ha is not None]
    assert areas == pytest.approx(np.array(pixels) * 0.01 / 0.9996**2, rel=1e-4)
    assert {p.name for p in (tmp_path / 'deep').iterdir()} == {
        'named.tif',
        'named.tif.aux.xml',
        'named.qml',
    }


def test_attribute_table(tmp_path: Path) -> None:
    relabel(tmp_path, regions(), legend('sea & sand', None, '', 'sea & sand'))
    root = ElementTree.parse(tmp_path / 'named.tif.aux.xml').getroot()
    table = root.find('PAMRasterBand/GDALRasterAttributeTable')
    assert table is not None
    columns = [field.findtext('Name') for field in table.findall('FieldDefn')]
    rows = [
        dict(zip(columns, [f.text for f in row.findall('F')], strict=True))
        for row in table.findall('Row')
    ]
    assert [row['Class'] for row in rows] == ['sea & sand', 'class 2']
    assert [row['Value'] for row in rows] == ['0', '1']
    assert [row['Red'] for row in rows] == ['0', '2']
    labels = regions()
    assert [int(row['Count'] or 0) for row in rows] == [
        np.isin(labels, [0, 3]).sum(),
        (labels == 2).sum(),
    ]
    categories = root.findall('PAMRasterBand/CategoryNames/Category')
    assert [c.text for c in categories] == ['sea & sand', 'class 2']


def test_dropped_clusters_become_nodata(tmp_path: Path) -> None:
    labels = regions()
    named = relabel(tmp_path, labels, legend('a', None, 'b', None))
    assert ((named == 255) == np.isin(labels, [1, 3, 255])).all()


def test_sieve(tmp_path: Path) -> None:
    labels = regions(200, 210)
    named = relabel(tmp_path, labels, legend('', '', '', ''), min_area='12px')
    assert ((named == 255) == (labels == 255)).all()
    for code in range(4):
        patches, _ = components(named == code)
        assert np.bincount(patches.ravel())[1:].min() >= 12
    assert (named == labels).mean() > 0.9


def test_patches_among_nodata_stay(tmp_path: Path) -> None:
    labels = np.full((20, 20), 255, np.uint8)
    labels[3:5, 3:5] = 1
    labels[10:20, 10:20] = 0
    labels[15, 15] = 1
    named = relabel(tmp_path, labels, legend('', ''), min_area='5px')
    expected = labels.copy()
    expected[15, 15] = 0
    assert (named == expected).all()


@pytest.mark.parametrize('crs', ['EPSG:3857', 'EPSG:4326'])
def test_hectares_are_those_of_the_ground(tmp_path: Path, crs: str) -> None:
    # Pixels at 60 degrees north that are 10 m wide by name, or about 10 x 20 m.
    transform = {
        'EPSG:3857': Affine(10, 0, 0, 0, -10, 8_399_737),
        'EPSG:4326': Affine(1.8e-4, 0, 0, 0, -1.8e-4, 60),
    }[crs]
    labels = np.zeros((30, 30), np.uint8)
    labels[4:8, 4:8] = 1  # 16 pixels
    pixel = {'EPSG:3857': 0.0025, 'EPSG:4326': 0.0201}[crs]
    for factor, stays in ((0.95, True), (1.05, False)):
        named = relabel(
            tmp_path,
            labels,
            legend('', ''),
            {'crs': crs, 'transform': transform},
            min_area=f'{16 * pixel * factor}ha',
        )
        assert (named == 1).any() == stays


def test_majority(tmp_path: Path) -> None:
    labels = regions(60, 70)
    named = relabel(tmp_path, labels, legend('', '', '', ''), majority=5)
    padded = np.pad(labels, 2, constant_values=255)
    for row in range(60):
        for col in range(70):
            near = padded[row : row + 5, col : col + 5].ravel()
            votes = np.bincount(near[near < 4], minlength=4)
            own = labels[row, col]
            if own == 255:
                assert named[row, col] == 255
            elif votes[own] == votes.max():
                assert named[row, col] == own
            else:
                assert named[row, col] == votes.argmax()


def test_parts_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchgeo_ktextures.maps import reading

    labels, options = regions(150, 170), {'majority': 7, 'min_area': '9px'}
    whole = relabel(tmp_path, labels, legend('', '', '', ''), **options)
    monkeypatch.setattr(reading.windows, '__defaults__', (37,))
    parts = relabel(tmp_path, labels, legend('', '', '', ''), **options)
    assert (whole == parts).all()


def test_confidence(tmp_path: Path) -> None:
    labels = regions()
    values = np.random.default_rng(0).integers(0, 101, labels.shape).astype(np.uint8)
    values[40:50] = 255
    sure = write_raster(tmp_path / 'sure.tif', values[None], nodata=255, **UTM)
    named = relabel(
        tmp_path, labels, legend('', '', '', ''), confidence=sure, min_confidence=30
    )
    expected = labels.copy()
    expected[(values < 30) | (values == 255)] = 255
    assert (named == expected).all()


def test_many_clusters(tmp_path: Path) -> None:
    labels = np.arange(60 * 60, dtype=np.uint16).reshape(60, 60) % 400
    labels[0, :5] = 65535
    entries = [ClassEntry(i, (1, 2, 3), name=f'n{i // 2}') for i in range(400)]
    named = relabel(tmp_path, labels, entries, {'nodata': 65535})
    assert named.dtype == np.uint8  # 200 names
    expected = np.where(labels == 65535, 255, labels // 2)
    assert (named == expected).all()


def test_without_georeference(tmp_path: Path) -> None:
    path = tmp_path / 'labels.tif'
    with rasterio.open(
        path, 'w', driver='GTiff', width=112, height=96, count=1, dtype='uint8'
    ) as dst:
        dst.write(regions(), 1)
        dst.write_colormap(1, class_colors(4))
    entries = legend('a', 'b', 'c', 'd')
    found = relabel_map(path, entries, tmp_path / 'named.tif', min_area='5px')
    assert [c.area_ha for c in found] == [None] * 4
    assert 'Area_ha' not in (tmp_path / 'named.tif.aux.xml').read_text()
    with rasterio.open(tmp_path / 'named.tif') as dst:
        assert dst.crs is None
        assert dst.transform.is_identity
        assert dst.nodata == 255
    with pytest.raises(ValueError, match=r"'1ha'.*no georeference.*20px"):
        relabel_map(path, entries, tmp_path / 'other.tif', min_area='1ha')


@pytest.mark.parametrize(
    ('entries', 'options', 'match'),
    [
        (legend('a', 'b', 'c'), {}, r'labels.tif has cluster 3, which has no entry'),
        (legend(*'abcde'), {}, r'cluster 4 of the classes file is not in .*0, 1, 2, 3'),
        (legend(*'abcd'), {'min_area': '3'}, r"min_area='3' is not an area.*'20px'"),
        (legend(*'abcd'), {'min_area': '1e9px'}, 'is not an area'),
        (legend(*'abcd'), {'min_area': '99999px'}, 'more than the 10752 of'),
        (legend(*'abcd'), {'majority': 4}, 'majority=4 must be odd'),
        (legend(*'abcd'), {'majority': 1}, 'majority=1 must be odd and at least 3'),
        (legend(*'abcd'), {'min_confidence': 40}, 'min_confidence=40 needs a raster'),
        (legend(*'abcd'), {'min_confidence': 101}, 'min_confidence=101 must be from'),
    ],
)
def test_bad_arguments(
    tmp_path: Path, entries: list[ClassEntry], options: Any, match: str
) -> None:
    path = write_labels(tmp_path / 'labels.tif', regions())
    with pytest.raises(ValueError, match=match):
        relabel_map(path, entries, tmp_path / 'named.tif', **options)
    assert {p.name for p in tmp_path.iterdir()} == {'labels.tif'}


def test_absent_clusters_of_the_colour_table_are_known(tmp_path: Path) -> None:
    labels = regions()
    labels[labels == 2] = 1
    found = relabel(tmp_path, labels, legend('a', 'b', 'c', 'd'))
    assert set(np.unique(found)) == {0, 1, 3, 255}


def test_bad_rasters(tmp_path: Path) -> None:
    path = write_labels(tmp_path / 'labels.tif', regions())
    entries, output = legend(*'abcd'), tmp_path / 'named.tif'
    with pytest.raises(ValueError, match='would overwrite an input'):
        relabel_map(path, entries, path)
    with pytest.raises(FileNotFoundError, match=r"map '.*missing.tif' does not exist"):
        relabel_map(tmp_path / 'missing.tif', entries, output)
    scene = write_raster(tmp_path / 'scene.tif', np.zeros((4, 9, 9), np.uint8))
    with pytest.raises(ValueError, match='4 bands of uint8, but a label map has one'):
        relabel_map(scene, entries, output)
    other = write_raster(tmp_path / 'a.tif', np.zeros((1, 96, 112), np.uint8))
    with pytest.raises(ValueError, match='different grids: CRS EPSG:32633 and EPSG:38'):
        relabel_map(path, entries, output, confidence=other, min_confidence=1)
    floats = write_raster(tmp_path / 'b.tif', np.zeros((1, 96, 112), np.float32))
    with pytest.raises(ValueError, match='1 bands of float32, but a confidence'):
        relabel_map(path, entries, output, confidence=floats, min_confidence=1)
    cut = tmp_path / 'cut.tif'
    cut.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(UnreadableError, match=r'cut.tif.* cannot be read'):
        relabel_map(cut, entries, output)


def test_unwritable(tmp_path: Path) -> None:
    path = write_labels(tmp_path / 'labels.tif', regions())
    (tmp_path / 'file').write_text('')
    with pytest.raises(OSError, match=r'file cannot be written \(.*folder'):
        relabel_map(path, legend(*'abcd'), tmp_path / 'file' / 'named.tif')


def said_of(
    tmp_path: Path, labels: npt.NDArray[Any], entries: Any, **options: Any
) -> list[str]:
    said: list[str] = []
    path = write_labels(tmp_path / 'labels.tif', labels)
    relabel_map(path, entries, tmp_path / 'named.tif', say=said.append, **options)
    return said


def test_dropped_clusters_are_told(tmp_path: Path) -> None:
    labels = np.repeat(np.array([0, 1, 2, 3, 255], np.uint8), 10)[None].repeat(20, 0)
    assert said_of(tmp_path, labels, legend(*'abcd')) == []
    # 200 of 800 pixels of 0.01 ha, a bit more at the central meridian.
    said = said_of(tmp_path, labels, legend('a', None, 'b', None))
    assert said == [
        f'dropped: cluster {i}, 2.00 ha, 25.0 % of the map (its name is null)'
        for i in (1, 3)
    ]
    # Those absent from the map are not lost.
    labels[labels == 1] = 0
    said = said_of(tmp_path, labels, legend('a', None, 'b', 'c'))
    assert said == []


def test_dropped_by_points_and_confidence_is_told(tmp_path: Path) -> None:
    labels = np.repeat(np.array([0, 1, 2, 3, 1], np.uint8), 10)[None].repeat(20, 0)
    places = [(5, 5, 'a'), (6, 5, 'a'), (5, 15, 'b'), (6, 15, 'b'), (7, 45, 'a')]
    xy = [UTM['transform'] @ (col + 0.5, row + 0.5) for row, col, _ in places]
    points = gpd.GeoDataFrame(
        {'class': [name for *_, name in places]},
        geometry=[Point(*p) for p in xy],
        crs=UTM['crs'],
    )
    points.to_file(tmp_path / 'points.gpkg')
    options = {'points': tmp_path / 'points.gpkg', 'min_agreement': 0.9}
    advice = (
        'points on cluster 1 disagree: classify tells classes apart within clusters'
    )
    # Patches of points keep their names: nothing is lost of cluster 1.
    advised, *said = said_of(tmp_path, labels, None, **options)
    assert advised == advice
    assert said == [
        f'dropped: cluster {i}, 2.00 ha, 20.0 % of the map (no point on it)'
        for i in (2, 3)
    ]
    labels[10, 40:] = 3
    values = np.full((1, 20, 50), 90, np.uint8)
    values[0, :, :3] = 10
    values[0, 0, 10:12] = 255
    sure = write_raster(tmp_path / 'sure.tif', values, nodata=255, **UTM)
    options |= {'confidence': sure, 'min_confidence': 20}
    advised, *said = said_of(tmp_path, labels, None, **options)
    assert advised == advice
    assert said[0] == (
        'dropped: cluster 1, 0.90 ha, 9.0 % of the map '
        '(2 of 3 points on it agree, min_agreement is 0.9)'
    )
    assert said[2].startswith('dropped: cluster 3, 2.10 ha, 21.0 % of the map (no ')
    assert said[3:] == [
        'dropped: of a, 0.60 ha, 6.0 % of the map (confidence below 20 %)',
        'dropped: of b, 0.02 ha, 0.2 % of the map (confidence below 20 %)',
    ]


def test_dropped_pixels_without_georeference(tmp_path: Path) -> None:
    path = tmp_path / 'labels.tif'
    profile = {'width': 50, 'height': 40, 'count': 1, 'dtype': 'uint8'}
    with rasterio.open(path, 'w', driver='GTiff', **profile) as dst:
        dst.write(np.repeat(np.array([0, 1], np.uint8), 25)[None].repeat(40, 0), 1)
        dst.write_colormap(1, class_colors(2))
    said: list[str] = []
    entries = legend(None, 'a')
    relabel_map(path, entries, tmp_path / 'named.tif', say=said.append)
    assert said == [
        'dropped: cluster 0, 1,000 px, 50.0 % of the map (its name is null)'
    ]


@pytest.mark.parametrize('name', ['a.img', 'a.png', 'a.vrt', 'a', 'folder.tif'])
def test_names_of_maps(tmp_path: Path, name: str) -> None:
    path = write_labels(tmp_path / 'labels.tif', regions())
    (tmp_path / 'folder.tif').mkdir()
    match = 'is a folder' if name == 'folder.tif' else r'is to be a GeoTIFF.*\.tif$'
    with pytest.raises(ValueError, match=f"output='.*{name}' {match}"):
        relabel_map(path, legend(*'abcd'), tmp_path / name)
    assert len(list(tmp_path.iterdir())) == 2
    relabel_map(path, legend(*'abcd'), tmp_path / 'A.TIFF')
    with rasterio.open(tmp_path / 'A.TIFF') as dst:
        assert dst.driver == 'GTiff'


def test_unusable_nodata_is_as_none(tmp_path: Path) -> None:
    labels = regions()
    path = write_labels(tmp_path / 'labels.tif', labels, nodata=None)
    virtual = tmp_path / 'labels.vrt'
    virtual.write_text(
        '<VRTDataset rasterXSize="112" rasterYSize="96">'
        '<VRTRasterBand dataType="Byte" band="1"><NoDataValue>-9999</NoDataValue>'
        f'<SimpleSource><SourceFilename>{path}</SourceFilename><SourceBand>1'
        '</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>'
    )
    entries = legend(*'abcd')
    relabel_map(virtual, entries, tmp_path / 'named.tif')
    with rasterio.open(tmp_path / 'named.tif') as dst:
        assert dst.nodata == 255
        assert (dst.read(1) == labels).all()
