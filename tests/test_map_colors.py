# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""One colour per class: in maps, legends, styles and reports, as a user gets them."""

import json
from pathlib import Path
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import yaml
from shapely import Point

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.maps.sidecars import sidecar_paths

from .command import run
from .four_regions import four_regions
from .label_maps import UTM
from .rasters import write_raster

QUIET = ['--progress', 'false', '--device', 'cpu', '--mask-stride', '4']

#: Codes, names and colours, red, green, blue.
type Classes = dict[int, tuple[str, tuple[int, int, int]]]


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Water, forest, soil and town, segmented."""
    folder = tmp_path_factory.mktemp('colors')
    bands, _ = four_regions()
    names = ('red', 'green', 'blue', 'nir')
    write_raster(folder / 'scene.tif', 10_000 * bands, names=names, **UTM)
    run(
        *('segment', folder / 'scene.tif', '--output', folder / 'labels.tif', *QUIET),
        *('--n-clusters', 4, '--steps', 8, '--save-checkpoint', folder / 'model.ckpt'),
        *('--report', folder / 'report.html'),
    )
    return folder


def in_style(path: Path) -> Classes:
    """What QGIS shows of a map."""
    renderer = ElementTree.parse(path).getroot().find('pipe/rasterrenderer')
    assert renderer is not None
    assert renderer.attrib['type'] == 'paletted'
    found: Classes = {}
    for entry in renderer.findall('colorPalette/paletteEntry'):
        red, green, blue = bytes.fromhex(entry.attrib['color'][1:])
        name = entry.attrib['label']
        found[int(entry.attrib['value'])] = name, (red, green, blue)
    return found


def in_table(path: Path) -> Classes:
    """What GDAL tells of a map beside it."""
    root = ElementTree.parse(path).getroot()
    found: Classes = {}
    for row in root.iter('Row'):
        values = [field.text or '' for field in row.findall('F')]
        red, green, blue = map(int, values[-3:])
        found[int(values[0])] = values[1], (red, green, blue)
    assert [c.text for c in root.iter('Category')] == [n for n, _ in found.values()]
    return found


def in_map(path: Path) -> dict[int, tuple[int, ...]]:
    with rasterio.open(path) as src:
        codes = set(np.unique(src.read(1)).tolist()) - {255}
        return {code: src.colormap(1)[code][:3] for code in codes}


def class_of(folder: Path, region: int) -> int:
    with rasterio.open(folder / 'labels.tif') as src:
        inside = src.read(1)[four_regions()[1] == region]
    return int(np.bincount(inside).argmax())


def test_colors_are_those_of_nature_everywhere(folder: Path) -> None:
    colors = in_map(folder / 'labels.tif')
    assert sorted(colors) == [0, 1, 2, 3]
    red, green, blue = colors[class_of(folder, 0)]  # water
    assert blue > green > red
    red, green, blue = colors[class_of(folder, 1)]  # forest
    assert green > max(red, blue)
    red, green, blue = colors[class_of(folder, 2)]  # soil
    assert red > green > blue
    style = in_style(folder / 'labels.qml')
    assert {code: color for code, (_, color) in style.items()} == colors
    assert [name for name, _ in style.values()] == [f'class {i}' for i in range(4)]
    assert in_table(folder / 'labels.tif.aux.xml') == style
    entries = yaml.safe_load((folder / 'classes.yaml').read_text())['classes']
    assert {e['index']: tuple(e['color']) for e in entries} == colors
    page = (folder / 'report.html').read_text().replace(' ', '')
    for red, green, blue in colors.values():
        shown = f'rgb({red},{green},{blue})', f'#{red:02x}{green:02x}{blue:02x}'
        assert any(text in page for text in shown)


def test_other_maps_of_the_model(folder: Path, tmp_path: Path) -> None:
    """Of a scene without water and forest."""
    bands, _ = four_regions(seed=1)
    scene = write_raster(tmp_path / 'scene.tif', 10_000 * bands[:, 48:], **UTM)
    run(
        *('segment', scene, '--output', tmp_path / 'labels.tif', *QUIET),
        *('--checkpoint', folder / 'model.ckpt'),
    )
    colors, few = in_map(folder / 'labels.tif'), in_map(tmp_path / 'labels.tif')
    assert len(few) < 4
    assert few.items() <= colors.items()
    # Only the classes in use.
    assert [*in_style(tmp_path / 'labels.qml')] == [*few]
    names = yaml.safe_load((tmp_path / 'classes.yaml').read_text())['classes']
    assert [tuple(e['color']) for e in names] == [*colors.values()]


def test_sidecars_come_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that was killed as a map was complete may have left none."""
    labels = folder / 'labels.tif'
    before = [path.read_bytes() for path in sidecar_paths(labels)]
    for path in sidecar_paths(labels):
        path.unlink()
    run(
        *('segment', folder / 'scene.tif', '--output', labels, *QUIET),
        *('--n-clusters', 4, '--steps', 8),
    )
    said = capsys.readouterr().out
    assert 'there already' in said
    assert [path.read_bytes() for path in sidecar_paths(labels)] == before
    assert all(f'  {path}\n' in said for path in sidecar_paths(labels))


def test_relabel_and_export(folder: Path, tmp_path: Path) -> None:
    water, forest, soil, town = (class_of(folder, region) for region in range(4))
    entries = [
        {'index': town, 'name': 'land', 'color': '#1f77b4'},
        {'index': soil, 'name': 'land', 'color': 'red'},
        {'index': forest, 'name': 'Wald & Wiese', 'color': 'forestgreen'},
        {'index': water, 'name': 'water'},  # as in the map
    ]
    legend = tmp_path / 'classes.yaml'
    legend.write_text(yaml.safe_dump({'classes': entries}))
    named = tmp_path / 'named.tif'
    run('relabel', folder / 'labels.tif', '--output', named, '--classes', legend)
    blue = in_map(folder / 'labels.tif')[water]
    expected = {
        0: ('land', (31, 119, 180)),
        1: ('Wald & Wiese', (34, 139, 34)),
        2: ('water', blue),
    }
    assert in_style(named.with_suffix('.qml')) == expected
    assert in_table(tmp_path / 'named.tif.aux.xml') == expected
    assert in_map(named) == {code: color for code, (_, color) in expected.items()}
    run(
        *('export', named, '--image', folder / 'scene.tif', '--chip-size', 16),
        *('--points', 5, '--output', tmp_path / 'samples'),
    )
    for layer in ('polygons', 'points'):
        path = tmp_path / 'samples' / f'{layer}.gpkg'
        frame = gpd.read_file(path, layer='layer_styles')
        assert frame['f_table_name'].tolist() == [layer]
        assert frame['useAsDefault'].tolist() == [1]
        root = ElementTree.fromstring(frame['styleQML'][0])
        shown = {}
        for category in root.iter('category'):
            symbol = category.attrib['symbol']
            drawn = root.find(f"renderer-v2/symbols/symbol[@name='{symbol}']/layer")
            assert drawn is not None
            option = drawn.find("Option/Option[@name='color']")
            assert option is not None
            color = option.attrib['value'].split(',')[:3]
            shown[category.attrib['value']] = tuple(map(int, color))
        assert shown == dict(expected.values())
        assert set(gpd.read_file(path, layer=layer)['class']) == set(shown)
    content = yaml.safe_load((tmp_path / 'samples/chips/metadata.yaml').read_text())
    assert [tuple(c) for c in content['colors']] == [c for _, c in expected.values()]


def test_names_by_points_get_colors_of_their_own(folder: Path, tmp_path: Path) -> None:
    """Two names on one cluster: the second one has no cluster."""
    with rasterio.open(folder / 'labels.tif') as src:
        places = [Point(src.xy(row, col)) for row, col in [(9, 9), (9, 20), (20, 20)]]
    frame = gpd.GeoDataFrame(
        {'class': ['sea', 'sea', 'lake']}, geometry=places, crs=UTM['crs']
    )
    frame.to_file(tmp_path / 'points.gpkg')
    named = tmp_path / 'named.tif'
    run(
        *('relabel', folder / 'labels.tif', '--output', named),
        *('--points', tmp_path / 'points.gpkg'),
    )
    table = in_table(tmp_path / 'named.tif.aux.xml')
    assert {name for name, _ in table.values()} == {'sea', 'lake'}
    assert len({color for _, color in table.values()}) == 2


@pytest.mark.parametrize('kind', ['vrt', 'tif'])
def test_mosaic_and_classes_of_points(folder: Path, tmp_path: Path, kind: str) -> None:
    """Classes that a user names have the colours of the clusters they lie in."""
    scenes = []
    for i, x in enumerate((500_000, 500_960)):
        bands, truth = four_regions(seed=i)
        grid = {'crs': UTM['crs'], 'transform': UTM['transform'].from_gdal(
            x, 10, 0, 5_000_000, 0, -10)}  # fmt: skip
        scenes.append(write_raster(tmp_path / f'{i}.tif', 10_000 * bands, **grid))
    with rasterio.open(scenes[0]) as src:
        places = [(row, col) for row in (20, 70) for col in (20, 30, 70, 80)]
        points = [Point(src.xy(*place)) for place in places]
    classes = [['lake', 'trees', 'fields', 'houses'][truth[place]] for place in places]
    frame = gpd.GeoDataFrame({'class': classes}, geometry=points, crs=UTM['crs'])
    frame.to_file(tmp_path / 'points.gpkg')
    run(
        *('classify', *scenes, '--points', tmp_path / 'points.gpkg', *QUIET[:4]),
        *('--output', tmp_path / 'maps', '--checkpoint', folder / 'model.ckpt'),
        *('--mosaic', kind),
    )
    mosaic = tmp_path / 'maps' / f'mosaic.{kind}'
    clusters = in_map(folder / 'labels.tif')
    expected = {
        'fields': clusters[class_of(folder, 2)],
        'houses': clusters[class_of(folder, 3)],
        'lake': clusters[class_of(folder, 0)],
        'trees': clusters[class_of(folder, 1)],
    }
    styles = [mosaic.with_suffix('.qml'), tmp_path / 'maps' / '0_classes.qml']
    for style in styles:
        assert dict(in_style(style).values()) == expected
    table = mosaic if kind == 'vrt' else tmp_path / 'maps' / 'mosaic.tif.aux.xml'
    assert dict(in_table(table).values()) == expected
    with rasterio.open(mosaic) as src:
        assert json.loads(src.tags(1)['CLASS_NAMES']) == [*expected]
        assert src.shape == (96, 192)


def test_masks_without_a_start() -> None:
    bands, _ = four_regions()
    segmenter = KTexturesSegmenter(
        4, init='random', max_steps=2, random_state=0, device='cpu'
    ).fit(bands)
    colors = segmenter.task_.map_colors()
    assert len(set(colors.values())) == 4
    segmenter.task_.model.generators.mean.data[1:3] = float('nan')
    assert len(set(segmenter.task_.map_colors().values())) == 4
