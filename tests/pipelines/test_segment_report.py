# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The page on which a user decides on the number of classes, and names them."""

import base64
import io
import json
import re
import shutil
import subprocess
import sys
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from PIL import Image

from torchgeo_ktextures import __version__
from torchgeo_ktextures.maps import read_classes
from torchgeo_ktextures.maps.html_page import labels_address
from torchgeo_ktextures.pipelines.segment_curves import criteria_panel

from ..command import run
from ..four_regions import four_regions
from ..rasters import write_raster

QUIET = ['--steps', '4', '--progress', 'false', '--device', 'cpu']
NAMES = {0: 'a "wet": place', 1: 'Wald & ä', 2: 'x', 3: 'y'}


def segment(folder: Path, *options: object, **profile: Any) -> str:
    """Segment a scene of four regions; the page."""
    names = ('red', 'green', '<blue>', 'nir')
    write_raster(folder / 'scene.tif', four_regions(seed=1)[0], names=names, **profile)
    run(
        *('segment', folder / 'scene.tif', '--output', folder / 'labels.tif', *QUIET),
        *('--bands', ','.join(names), '--report', folder / 'report.html', *options),
    )
    return (folder / 'report.html').read_text('utf-8')


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a map and its report."""
    folder = tmp_path_factory.mktemp('report')
    options = ['--n-clusters', 4, '--seed', 3]
    segment(folder, *options, '--save-checkpoint', folder / 'model.ckpt')
    return folder


@pytest.fixture
def page(folder: Path) -> str:
    return (folder / 'report.html').read_text('utf-8')


def data_of(page: str) -> dict[str, Any]:
    """What the script of the page knows."""
    found = re.search(r'const data = (.*);\n', page)
    assert found is not None
    content: dict[str, Any] = json.loads(found[1])
    return content


def owners(data: dict[str, Any], k: int) -> list[int]:
    """The class that each class is a part of, as the script finds it."""
    found = list(range(len(data['pixels'])))
    for merge in data['merges'][: len(found) - k]:
        found = [merge['into'] if c == merge['part'] else c for c in found]
    return found


def filled(data: dict[str, Any], k: int, names: dict[int, str]) -> str:
    """The legend with names filled in, as the script does it."""
    owner, text = owners(data, k), ''
    for part in data['legend']:
        if isinstance(part, str):
            text += part
        elif 'color' in part:
            text += str(data['colors'][owner[part['color']]])
        else:
            c = owner[part['name']]
            merged = owner.count(c) > 1
            name = names.get(c) or (f'class {c}' if merged else '')
            text += json.dumps(name, ensure_ascii=False)
    return text


def labels_in(address: str) -> npt.NDArray[np.uint8]:
    """Labels from the bytes of a picture, as the script reads them."""
    data = base64.b64decode(address.partition(',')[2])
    at = data.index(b'IDAT')
    size = int.from_bytes(data[at - 4 : at])
    width, height = (int.from_bytes(data[i : i + 4]) for i in (16, 20))
    rows = zlib.decompress(data[at + 4 : at + 4 + size])
    return np.frombuffer(rows, np.uint8).reshape(height, width + 1)[:, 1:]


def picture(page: str, name: str) -> str:
    found = re.search(f'id="{name}" src="([^"]*)"', page)
    assert found is not None
    return found[1]


def test_needs_nothing_else(folder: Path, page: str) -> None:
    assert 'http' not in page.replace('http-equiv', '')
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(a.startswith(('data:image/', '#')) for a in addresses)
    assert "default-src 'none'" in page
    assert 'width=device-width' in page
    assert str(folder) not in page
    # names of bands are text
    assert '<blue>' not in page
    assert '&lt;blue&gt;' in page


def test_head(page: str) -> None:
    facts = dict(re.findall(r'<dt>(.*?)</dt><dd>(.*?)</dd>', page))
    assert facts['Version'] == f'torchgeo-ktextures {__version__}'
    assert facts['Seed'] == '3'
    assert facts['Scene'] == 'scene.tif'
    assert facts['Size'] == '96 x 96 pixels'
    assert facts['CRS'] == 'WGS 84 / Pseudo-Mercator (EPSG:3857)'
    assert facts['GSD'] == '4.672 m'
    assert facts['Smallest region'] == 'about 4 pixels, 18.69 m'
    assert set(facts) >= {'Date', 'Time taken', 'Bands', 'Training'}
    assert 'Command' not in facts  # from Python


def test_command_as_it_was_typed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = ['/bin/torchgeo-ktextures', 'segment', 'a & b.tif']
    monkeypatch.setattr(sys, 'argv', typed)
    options = ['--checkpoint', folder / 'model.ckpt']
    page = segment(tmp_path, *options, crs=None, transform=None)
    assert '<code>torchgeo-ktextures segment &#x27;a &amp; b.tif&#x27;</code>' in page
    # Without georeference there are no hectares.
    assert 'none, so that areas are in pixels' in page
    assert '<th>hectares</th>' not in page
    assert '<dt>GSD</dt>' not in page


def test_pictures_are_the_map(folder: Path, page: str) -> None:
    with rasterio.open(folder / 'labels.tif') as src:
        labels, table = src.read(1), src.colormap(1)
    address = picture(page, 'classes')
    assert (labels_in(address) == labels).all()
    shown = Image.open(io.BytesIO(base64.b64decode(address.partition(',')[2])))
    assert shown.mode == 'P'
    painted = np.asarray(shown.convert('RGB'))
    assert (painted == np.array([table[i][:3] for i in range(4)])[labels]).all()
    assert data_of(page)['colors'] == [list(table[i][:3]) for i in range(4)]


def test_pixels_without_class_are_transparent() -> None:
    address = labels_address(np.array([[0, -1], [1, 0]]), [(1, 2, 3), (4, 5, 6)])
    shown = Image.open(io.BytesIO(base64.b64decode(address.partition(',')[2])))
    assert np.asarray(shown.convert('RGBA'))[..., 3].tolist() == [[255, 0], [255, 255]]
    assert np.asarray(shown.convert('RGB'))[1, 0].tolist() == [4, 5, 6]


def test_slider_cuts_the_tree(page: str) -> None:
    data = data_of(page)
    assert '<input type="range" id="k" min="2" max="4" value="4">' in page
    assert len(data['merges']) == 3
    assert sorted(data['order']) == [0, 1, 2, 3]
    for k in range(1, 5):
        owner = owners(data, k)
        assert len(set(owner)) == k
        # Parts follow the class that they are a part of.
        shown = [owner[i] for i in data['order']]
        assert sum(a != b for a, b in pairwise(shown)) == k - 1
        assert all(owner[i] == i for i in dict.fromkeys(shown))


def test_names_make_a_legend(folder: Path, page: str, tmp_path: Path) -> None:
    data = data_of(page)
    for k in (4, 2):
        legend = tmp_path / f'{k}.yaml'
        legend.write_text(filled(data, k, NAMES), 'utf-8')
        named = tmp_path / f'{k}.tif'
        run(
            *('relabel', folder / 'labels.tif', '--classes', legend),
            *('--output', named),
        )
        owner = owners(data, k)
        assert [entry.name for entry in read_classes(legend)] == [
            NAMES[c] for c in owner
        ]
        with rasterio.open(named) as src, rasterio.open(folder / 'labels.tif') as old:
            names = json.loads(src.tags(1)['CLASS_NAMES'])
            assert set(names) == {NAMES[c] for c in owner}
            # The colours that the page shows.
            for code, name in enumerate(names):
                c = next(c for c in owner if NAMES[c] == name)
                assert src.colormap(1)[code][:3] == old.colormap(1)[c][:3]
            found = np.array([names.index(NAMES[c]) for c in owner])
            assert (src.read(1) == found[old.read(1)]).all()


def test_merged_classes_without_names_are_one(page: str, tmp_path: Path) -> None:
    data = data_of(page)
    legend = tmp_path / 'classes.yaml'
    legend.write_text(filled(data, 2, {}), 'utf-8')
    titles = [entry.title for entry in read_classes(legend)]
    assert titles == [f'class {c}' for c in owners(data, 2)]


def test_in_a_browser(page: str, tmp_path: Path) -> None:
    browser = shutil.which('chromium') or shutil.which('chromium-browser')
    if browser is None:
        pytest.skip('there is no Chromium')
    data = data_of(page)
    script = (
        '<script>setTimeout(() => { choose(2);'
        + ''.join(
            f'{{ const e = document.querySelector(`input[data-name="{c}"]`);'
            f'e.value = {json.dumps(name)}; e.oninput(); }}'
            for c, name in NAMES.items()
        )
        + 'highlight(data.order[0]); const found = {legend: legend(),'
        'shown: [...document.querySelectorAll("tr[data-class]:not(.part)")]'
        '.map(row => +row.dataset.class),'
        'pixels: [...document.querySelectorAll("tr[data-class]:not(.part) '
        '[data-value=pixels]")].map(cell => +cell.textContent.replace(/,/g, "")),'
        'alpha: [...canvas.getContext("2d").getImageData(0, 0, 96, 96).data]'
        '.filter((_, i) => i % 4 == 3)};'
        'document.body.textContent = "FOUND" + btoa(unescape(encodeURIComponent('
        'JSON.stringify(found)))) + "END"; }, 500)</script></body>'
    )
    path = tmp_path / 'page.html'
    path.write_text(page.replace('</body>', script), 'utf-8')
    command = [browser, '--headless=new', '--no-sandbox', '--disable-gpu', '--dump-dom']
    command += [f'--user-data-dir={tmp_path}/profile', '--virtual-time-budget=3000']
    done = subprocess.run(
        [*command, path.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    text = re.search('FOUND(.*)END', done.stdout)
    if text is None and done.returncode:
        pytest.skip('Chromium does not run here')
    assert text is not None, done.stdout[-500:]
    found = json.loads(base64.b64decode(text[1]))
    assert found['legend'] == filled(data, 2, NAMES)
    owner = owners(data, 2)
    first, second = found['shown']
    assert {first, second} == set(owner)
    pixels = np.array(data['pixels'])
    assert found['pixels'] == [
        pixels[np.array(owner) == c].sum() for c in (first, second)
    ]
    # The other class fades.
    alpha = np.array(found['alpha'])
    assert set(alpha) == {255, 31}
    inside = np.array(owner)[labels_in(picture(page, 'classes')).ravel()] == first
    assert (alpha[inside] == 255).all()
    assert (alpha[~inside] == 31).all()


def test_criteria() -> None:
    selection = {
        'n_clusters': [2, 3, 4],
        'stability': [0.5, 0.9, np.nan],
        'my_own': [1, 2, 3],
        'comment': ['a', 'b', 'c'],
    }
    text = criteria_panel(selection, 3)
    assert re.findall('<h3>(.*?)</h3>', text) == ['Stability', 'my own']
    assert text.count('class="chosen"') == 2
    assert '3: 0.9<' in text
    assert criteria_panel(None, 3) == ''
    assert criteria_panel({'n_clusters': [3], 'stability': [1.0]}, 3) == ''
