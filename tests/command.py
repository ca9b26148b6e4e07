# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The command line, as a user calls it."""

import pytest

from torchgeo_ktextures.cli import main


def run(*args: object) -> None:
    main([str(arg) for arg in args])


FAST = ['--n-clusters', '2', '--steps', '4', '--progress', 'false', '--device', 'cpu']


def segment(*args: object) -> None:
    run('segment', *FAST, *args)


def fails(capsys: pytest.CaptureFixture[str], *args: object, status: int = 2) -> str:
    """Segment what cannot be; the sentence that the command ends with."""
    with pytest.raises(SystemExit) as error:
        segment(*args)
    assert error.value.code == status
    lines = capsys.readouterr().err.strip().splitlines()
    assert not any('Traceback' in line for line in lines)
    return lines[-1]
