# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import subprocess
import sys
from pathlib import Path

import pytest
import rasterio
from jsonargparse import ArgumentParser

from torchgeo_ktextures.commands.export import export
from torchgeo_ktextures.commands.relabel import relabel

from ..label_maps import regions, write_labels


def test_relabel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_labels(tmp_path / 'labels.tif', regions())
    classes = tmp_path / 'classes.yaml'
    classes.write_text(
        'classes: [{index: 0, name: sea}, {index: 1, name: null}, '
        "{index: 2, name: sea}, {index: 3, name: ''}]"
    )
    output = tmp_path / 'named.tif'
    args = str(path), str(output)
    relabel(*args, classes=str(classes), min_area='3px', majority=3)
    with rasterio.open(output) as dst:
        assert set(dst.read(1).ravel()) == {0, 1, 255}
    out = capsys.readouterr().out
    assert 'sea' in out
    assert 'class 3' in out
    assert ' ha ' in out


@pytest.mark.parametrize('command', [relabel, export])
def test_help_tells_every_argument(command: object) -> None:
    parser = ArgumentParser()
    parser.add_function_arguments(command)  # type: ignore[arg-type]
    actions = [a for a in parser._actions if a.dest not in ('help',)]
    assert len(actions) >= 7
    assert all(a.help and len(a.help) > 10 for a in actions)


def test_relabel_needs_no_torch() -> None:
    code = 'import torchgeo_ktextures.maps, torchgeo_ktextures.commands.relabel as c; '
    code += (
        'import torchgeo_ktextures.commands.export, sys; print("torch" in sys.modules)'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == 'False'
