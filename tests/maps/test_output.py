# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path

import pytest

from torchgeo_ktextures.maps.output import complete_file, scratch_file


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


def test_folder(tmp_path: Path) -> None:
    with complete_file(tmp_path / 'folder') as temporary:
        temporary.mkdir()
        (temporary / 'file').write_text('')
    with scratch_file(tmp_path / 'folder', 'scratch') as temporary:
        temporary.mkdir()
        (temporary / 'file').write_text('')
    names = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*')]
    assert sorted(names) == ['folder', 'folder/file']
