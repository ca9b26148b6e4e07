# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The code of the tutorials runs, and their output is small."""

import json
import tempfile
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
import rasterio
from matplotlib import pyplot as plt

from torchgeo_ktextures.datasets import Olinda

from .doc_blocks import ROOT, Shell, short_training
from .test_docs import small_olinda

NOTEBOOKS = sorted((ROOT / 'docs/tutorials').glob('*.ipynb'))


def cells_of(notebook: Path) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(notebook.read_text('utf-8'))['cells']
    return [cell for cell in cells if cell['cell_type'] == 'code']


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('notebook', NOTEBOOKS, ids=lambda p: p.stem)
def test_notebook(
    notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = small_olinda(tmp_path / 'scene' / 'l7_olinda.tif')
    monkeypatch.setattr(Olinda, 'path', str(small))
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    monkeypatch.chdir(tmp_path)  # and back again, as notebooks have folders
    monkeypatch.setattr(mpl.rcParams, 'backend', 'agg', raising=False)
    plt.switch_backend('agg')
    names: dict[str, Any] = {'__name__': 'notebook', 'shell': Shell()}
    for i, cell in enumerate(cells_of(notebook)):
        lines = ''.join(cell['source']).replace(' \\\n', ' ').splitlines()
        # What a notebook gives to the shell, with names in braces.
        lines = [f'shell.run(f{x[1:]!r})' if x.startswith('!') else x for x in lines]
        code = compile('\n'.join(lines), f'{notebook.name}, cell {i}', 'exec')
        with short_training():
            exec(code, names)  # noqa: S102
    plt.close('all')
    if notebook.stem == 'planet_time_series':
        # The means of the classes are of bands that were normalized: no class is water.
        with rasterio.open(names['last']) as src:
            colors = [src.colormap(1)[i] for i in range(2)]
        assert all(green > blue for _, green, blue, _ in colors)


@pytest.mark.parametrize('notebook', NOTEBOOKS, ids=lambda p: p.stem)
def test_output_is_small_and_clean(notebook: Path) -> None:
    assert notebook.stat().st_size < 400_000
    for cell in cells_of(notebook):
        assert cell['outputs'] is not None
        for output in cell['outputs']:
            assert output['output_type'] != 'error'
            assert output.get('name') != 'stderr'
            assert str(ROOT) not in json.dumps(output)
