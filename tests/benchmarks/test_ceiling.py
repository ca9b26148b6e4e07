# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path
from typing import Any

import pytest

from benchmarks import ceiling
from benchmarks.sets import Task

from .regions import regions_task


def test_clear_classes_reach_the_ceiling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    task = regions_task(144, 150)

    def folder_tasks(*args: Any) -> list[Task]:
        return [task]

    monkeypatch.setattr(ceiling, 'folder_tasks', folder_tasks)
    monkeypatch.setattr(ceiling, '_BLOCK', 16)
    ceiling.main(['--data-root', str(tmp_path)])
    mean = capsys.readouterr().out.strip().splitlines()[-1].strip('| ').split(' | ')
    assert mean[0] == 'mean'
    assert min(map(float, mean[1:])) > 0.9
