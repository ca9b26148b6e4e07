# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from torchgeo_ktextures.errors import UnreadableError
from torchgeo_ktextures.maps.output import (
    complete_file,
    make_folder,
    remove_leftovers,
    scratch_file,
    temporary_path,
    this_process,
    write_error,
)


@pytest.fixture
def sleeper() -> Iterator[int]:
    """Number of another process that is alive."""
    code = 'import time; time.sleep(60)'
    process = subprocess.Popen([sys.executable, '-c', code])
    yield process.pid
    process.kill()
    process.wait()


def ended() -> int:
    """Number of a process that is not alive any more."""
    process = subprocess.Popen([sys.executable, '-c', ''])
    process.wait()
    return process.pid


def test_appears_when_complete(tmp_path: Path) -> None:
    path = tmp_path / 'file[1].txt'
    path.write_text('before')
    (tmp_path / '.file[1].txt.unfinished').write_text('of a run that was killed')
    with complete_file(path) as temporary:
        assert not temporary.exists()
        temporary.write_text('after')
        temporary.with_name(f'{temporary.name}.ovr').write_text('beside it')
        assert path.read_text() == 'before'
    assert path.read_text() == 'after'
    assert list(tmp_path.iterdir()) == [path]


def test_names_of_temporary_files(tmp_path: Path) -> None:
    host, pid = this_process().split('-')
    assert pid == str(os.getpid())
    assert len(host) == 6
    path = tmp_path / 'a.gpkg'
    with complete_file(path, '.gpkg') as temporary:
        assert temporary.name == f'.a.gpkg.{host}-{pid}.unfinished.gpkg'
        temporary.touch()
    assert temporary_path(path, 'part', '123abc-7').name == '.a.gpkg.123abc-7.part'


def test_leftovers(tmp_path: Path, sleeper: int) -> None:
    path = tmp_path / 'map.tif'
    host = this_process().split('-')[0]
    dead = f'{host}-{ended()}'
    gone = [
        temporary_path(path, 'unfinished', dead),
        temporary_path(path, '0.part', dead),
        temporary_path(path, 'unfinished', f'{host}-{10**30}'),
        tmp_path / '.map.tif.unfinished',
        tmp_path / '.map.tif.named',
        tmp_path / '.map.tif.sieved.valid.tif',
        tmp_path / '.map.tif.0.part',
        tmp_path / '.map.tif.12.npz',
    ]
    stay = [
        path,
        temporary_path(path, 'unfinished', f'{host}-{sleeper}'),
        temporary_path(path, 'unfinished', '00000z-1'),
        temporary_path(path, 'unfinished', f'{"0" * 6}-{ended()}'),
        temporary_path(tmp_path / 'map.tif.aux.xml', 'unfinished', dead),
        temporary_path(tmp_path / 'other.tif', 'unfinished', dead),
        tmp_path / '.map.tif.part',  # of a browser
        tmp_path / 'map.tif.unfinished',
    ]
    own = temporary_path(path, '0.part')
    for file in (*gone, *stay, own):
        file.write_text('')
    folder = temporary_path(path, 'folder', dead)
    folder.mkdir()
    (folder / 'file').write_text('')
    remove_leftovers(path)
    assert set(tmp_path.iterdir()) == {*stay, own}
    remove_leftovers(path, this_process())
    assert set(tmp_path.iterdir()) == set(stay)
    with complete_file(path) as temporary:
        temporary.write_text('new')
    assert set(tmp_path.iterdir()) == set(stay)
    assert path.read_text() == 'new'


def test_two_processes_write_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / 'file'
    code = 'import sys, pathlib; from torchgeo_ktextures.maps.output import *\n'
    code += f'with complete_file(pathlib.Path({str(path)!r})) as temporary:\n'
    code += '    temporary.write_text("theirs"); print("ready", flush=True); input()\n'
    with subprocess.Popen(
        [sys.executable, '-c', code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b'ready\n'
        with complete_file(path) as temporary:
            temporary.write_text('ours')
        assert path.read_text() == 'ours'
        other.communicate(b'\n')
    assert other.returncode == 0
    assert path.read_text() == 'theirs'
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('error', [OSError(28, 'No space left'), RuntimeError('No')])
def test_failure_leaves_what_was_there(tmp_path: Path, error: Exception) -> None:
    path = tmp_path / 'file.txt'
    path.write_text('before')
    message = r'file.txt cannot be written \(No'
    with pytest.raises(OSError, match=message), complete_file(path) as temporary:
        temporary.write_text('half')
        raise error
    with pytest.raises(KeyboardInterrupt), complete_file(path) as temporary:
        temporary.write_text('half')
        raise KeyboardInterrupt
    assert path.read_text() == 'before'
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ('error', 'said'),
    [
        (OSError(28, 'No space left'), ' (No space left); free disk space'),
        (RuntimeError('x: No space left on device'), 'on device); free disk space'),
        (OSError(13, 'Denied'), ' (Denied); choose a folder that you can write to'),
        (OSError(30, 'Read-only'), '; choose a folder that you can write to'),
        (OSError(2, 'No such file'), ' (No such file); make its folder first'),
        (RuntimeError('odd'), 'a.tif cannot be written (odd)'),
        (OSError(5, 'Input/output error'), 'cannot be written (Input/output error)'),
    ],
)
def test_advice_fits(error: Exception, said: str) -> None:
    assert str(write_error(Path('a.tif'), error)).endswith(said)


def test_what_was_said_is_said_once(tmp_path: Path) -> None:
    unreadable = UnreadableError('scene.tif cannot be read')
    with pytest.raises(UnreadableError) as found, complete_file(tmp_path / 'a'):
        raise unreadable
    assert found.value is unreadable
    with (
        pytest.raises(OSError, match='none/b cannot be') as twice,
        complete_file(tmp_path / 'a'),
        complete_file(tmp_path / 'none' / 'b') as temporary,
    ):
        temporary.write_text('')
    assert str(twice.value).count('cannot be written') == 1


def test_folder(tmp_path: Path) -> None:
    with complete_file(tmp_path / 'folder') as temporary:
        temporary.mkdir()
        (temporary / 'file').write_text('')
    with scratch_file(tmp_path / 'folder', 'scratch') as temporary:
        temporary.mkdir()
        (temporary / 'file').write_text('')
    names = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*')]
    assert sorted(names) == ['folder', 'folder/file']
    with pytest.raises(OSError, match='a file is where a folder should be'):
        make_folder(tmp_path / 'folder' / 'file')
