# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What the README and the pages say is true, and their code runs."""

import doctest
import importlib
import re
import runpy
import shutil
import tomllib
from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import xarray as xr
import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from rasterio.transform import Affine

from torchgeo_ktextures.cli import make_parser
from torchgeo_ktextures.datasets import Olinda

from .doc_blocks import ROOT, Shell, run_page
from .label_maps import UTM, bands_of, regions, write_labels
from .planet import MONTHLY, write_planet_scene, write_quad
from .rasters import write_raster

README = ROOT / 'README.md'
TEXTS = [README, ROOT / 'CONTRIBUTING.md', ROOT / 'CHANGELOG.md']
TEXTS += [ROOT / 'benchmarks/README.md', *sorted((ROOT / 'docs').rglob('*.md'))]
EXAMPLES = [
    path
    for path in sorted((ROOT / 'torchgeo_ktextures').rglob('*.py'))
    if '>>> ' in path.read_text()
]
NAMES = ('red', 'green', 'blue', 'nir')


@pytest.fixture(scope='module')
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pages refer to: parts of the repository, and tiny data."""
    folder = tmp_path_factory.mktemp('clone')
    shutil.copytree(ROOT / 'configs', folder / 'configs')
    (folder / 'docs').mkdir()
    for path in (ROOT / 'docs').glob('*.geojson'):
        shutil.copy(path, folder / 'docs')
    small_olinda(folder / 'torchgeo_ktextures/datasets/data/l7_olinda.tif')

    labels = regions(96, 112)
    scene = write_raster(
        folder / 'scene.tif', bands_of(labels), nodata=0, names=NAMES, **UTM
    )
    shutil.copy(scene, folder / 'SCENE.tif')
    rows, columns = np.mgrid[20:96:25, 10:112:30]
    x, y = UTM['transform'] @ (columns.ravel() + 0.5, rows.ravel() + 0.5)
    names = [f'land cover {labels[at]}' for at in zip(rows.flat, columns.flat)]
    gpd.GeoDataFrame(
        {'class': names}, geometry=gpd.points_from_xy(x, y), crs=UTM['crs']
    ).to_file(folder / 'points.geojson')

    labels = regions(64, 72)
    for i, name in enumerate(['tiles/a', 'tiles/b', 'more_tiles/c']):
        path = folder / f'{name}.tif'
        path.parent.mkdir(exist_ok=True)
        moved = UTM['transform'] @ Affine.translation(72 * i, 0)
        write_raster(
            path,
            bands_of(labels, seed=0),
            nodata=0,
            names=NAMES,
            **(UTM | {'transform': moved}),
        )
    for i, date in enumerate(['june', 'august', 'september', 'elsewhere']):
        bands = (bands_of(labels, seed=0) * (1 - 0.1 * i)).astype(np.uint16)
        write_raster(folder / f'{date}.tif', bands, nodata=0, names=NAMES, **UTM)
        write_labels(folder / f'{date}_labels.tif', labels)
    xr.DataArray(
        np.stack([bands_of(regions(96, 96))] * 2).astype(np.float32),
        dims=('time', 'band', 'y', 'x'),
        coords={'band': list(NAMES), 'time': [0, 1], 'y': -np.arange(96.0)},
    ).to_netcdf(folder / 'series.nc')
    for i, month in enumerate([MONTHLY, MONTHLY.replace('06', '07')]):
        for j in range(2):
            write_quad(folder / 'data' / month, 632 + j, size=128, seed=2 * i + j)
    write_planet_scene(folder / 'scenes', height=160, width=192)
    return folder


def small_olinda(path: Path) -> Path:
    """The shipped scene, each fourth pixel of it."""
    path.parent.mkdir(parents=True)
    with rasterio.open(Olinda.path) as src:
        profile = {'crs': src.crs, 'names': src.descriptions}
        profile['transform'] = src.transform @ Affine.scale(4)
        return write_raster(path, src.read()[:, ::4, ::4], **profile)


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('page', TEXTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_code_blocks(
    page: Path, clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / 'clone'
    shutil.copytree(clone, copy)
    monkeypatch.chdir(copy)
    small = copy / 'torchgeo_ktextures/datasets/data/l7_olinda.tif'
    monkeypatch.setattr(Olinda, 'path', str(small))
    run_page(page)


@pytest.mark.filterwarnings('ignore')
def test_wrong_option_in_a_block_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    shell = Shell()
    shell.run(
        'torchgeo-ktextures merge a.tif --n-clusters 3 --output b.tif', parse_only=True
    )
    with pytest.raises(AssertionError, match='exit status 2'):
        shell.run('torchgeo-ktextures merge a.tif --clusters 3', parse_only=True)
    config = ROOT / 'configs/quickstart.yaml'
    with pytest.raises(SystemExit):
        shell.run(f'torchgeo fit --config {config} --model.classes 3', parse_only=True)


@pytest.mark.parametrize('path', EXAMPLES, ids=lambda p: p.stem)
def test_docstring_examples(path: Path) -> None:
    name = '.'.join(path.relative_to(ROOT).with_suffix('').parts)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    result = doctest.testmod(importlib.import_module(name), optionflags=flags)
    assert result.attempted
    assert not result.failed


def sentences(text: str) -> list[str]:
    """Sentences of the running text of a page: paragraphs, lists and captions."""
    found = []
    for token in MarkdownIt().enable('table').parse(text):
        if token.type == 'inline' and token.children:
            plain = ''.join(_plain(child) for child in token.children)
            found += re.split(r'(?<=[.!?:])\s+(?=\S)', plain)
    return [sentence for sentence in found if sentence]


def _plain(token: Token) -> str:
    if token.type in ('softbreak', 'hardbreak'):
        return ' '
    return token.content if token.type in ('text', 'code_inline') else ''


def test_readme_is_short() -> None:
    text = README.read_text('utf-8')
    assert len(text.splitlines()) <= 150
    long = [s for s in sentences(text) if len(s.split()) > 30]
    assert not long


def anchors(path: Path) -> set[str]:
    """Anchors of the headings of a page, as GitHub and MyST make them."""
    found = set()
    tokens = MarkdownIt().parse(path.read_text('utf-8'))
    for heading, inline in pairwise(tokens):
        if heading.type == 'heading_open':
            plain = ''.join(_plain(child) for child in inline.children or [])
            slug = re.sub(r'[^\w\- ]', '', plain.lower()).replace(' ', '-')
            found.add(slug)
    return found


@pytest.mark.parametrize('page', TEXTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_local_links(page: Path) -> None:
    for token in MarkdownIt().enable('table').parse(page.read_text('utf-8')):
        for child in token.children or []:
            target = str(child.attrs.get('href', child.attrs.get('src', '')))
            if not target or re.match(r'\w+:', target):
                continue
            name, _, anchor = target.partition('#')
            path = (page.parent / name).resolve() if name else page
            assert path.exists(), f'{page.name} links to {target}, which is not there'
            assert path.is_relative_to(ROOT)
            if anchor:
                assert anchor in anchors(path), f'{page.name}: no heading {target}'


def test_links_of_a_release_are_absolute() -> None:
    script = runpy.run_path(str(ROOT / '.github/addresses.py'))
    text = script['absolute_links'](README.read_text('utf-8'), 'https://a/b', 'v1')
    links = re.findall(r'\]\((?!#)(.+?)\)', text)
    assert all(link.startswith('https://') for link in links)
    assert 'https://a/b/raw/v1/docs/olinda.png' in links
    assert 'https://a/b/blob/v1/docs/method.md' in links
    nested = script['absolute_links']('[![a](b.png)](c.md#d)', 'https://a/b', 'v1')
    assert nested == '[![a](https://a/b/raw/v1/b.png)](https://a/b/blob/v1/c.md#d)'
    changed = script['project_urls'](
        (ROOT / 'pyproject.toml').read_text(), 'https://a/b', 'v1'
    )
    urls = tomllib.loads(changed)['project']['urls']
    assert urls['Source'] == 'https://a/b'
    assert urls['Changelog'] == 'https://a/b/blob/v1/CHANGELOG.md'
    assert 'Paper' in urls


def test_all_commands_have_help_on_their_page() -> None:
    usage = make_parser().format_usage()
    commands = re.search(r'\{(.*?)\}', usage)
    assert commands
    page = (ROOT / 'docs/commands.md').read_text()
    shown = re.findall(r'\{command-help\} (\w+)', page)
    passed_on = {'fit', 'validate', 'test', 'predict'}
    assert set(shown) == set(commands[1].split(',')) - passed_on


def test_versions_agree() -> None:
    project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
    assert f'## {project["version"]} - ' in (ROOT / 'CHANGELOG.md').read_text()
    recipe = yaml.safe_load((ROOT / 'conda-forge/recipe.yaml').read_text())
    assert recipe['context']['version'] == project['version']
    run = recipe['requirements']['run']
    names = {'torch': 'pytorch', 'matplotlib': 'matplotlib-base'}
    for requirement in project['dependencies']:
        found = re.fullmatch(r'([\w-]+)(?:\[.*\])?(.*)', requirement)
        assert found
        line = f'{names.get(found[1], found[1])} {found[2]}'
        assert line in run, f'add {line} to conda-forge/recipe.yaml'


def test_data_of_examples_is_public() -> None:
    # Pages show places of the shipped scene only.
    with rasterio.open(Olinda.path) as src:
        area = src.bounds
        for path in (ROOT / 'docs').glob('*.geojson'):
            x0, y0, x1, y1 = gpd.read_file(path).to_crs(src.crs).total_bounds
            assert area.left <= x0 <= x1 <= area.right
            assert area.bottom <= y0 <= y1 <= area.top
