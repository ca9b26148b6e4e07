# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path

import pytest
import yaml

from torchgeo_ktextures import __version__
from torchgeo_ktextures.cli import main


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    main(['config'])
    lines = capsys.readouterr().out.splitlines()
    assert 'quickstart' in [line.split()[0] for line in lines]
    assert all(len(line.split()) > 3 for line in lines)


def test_path(capsys: pytest.CaptureFixture[str]) -> None:
    main(['config', 'quickstart', '--path'])
    path = Path(capsys.readouterr().out.strip())
    assert yaml.safe_load(path.read_text())['model']


def test_copy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / 'my.yaml'
    main(['config', 'supervised', '--output', str(copy)])
    assert yaml.safe_load(copy.read_text())['model']
    with pytest.raises(SystemExit) as error:
        main(['config', 'supervised', '--output', str(copy)])
    assert error.value.code == 2
    assert 'there already' in capsys.readouterr().err


def test_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    for args, said in ((['nothing'], "'nothing'"), (['--path'], 'no name')):
        with pytest.raises(SystemExit) as error:
            main(['config', *args])
        assert error.value.code == 2
        message = capsys.readouterr().err
        assert said in message
        assert 'quickstart' in message


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(['--version'])
    assert done.value.code == 0
    assert capsys.readouterr().out.strip() == __version__
