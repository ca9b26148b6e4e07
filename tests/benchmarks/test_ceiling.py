# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import ceiling
from benchmarks.sets import Task

from ..four_regions import four_regions


def test_clear_classes_reach_the_ceiling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image, truth = four_regions(144, 150)
    truth[:, :10] = 255
    image[:, 30:33, 50:52] = np.nan
    task = Task('set', 'regions', [image], [truth], ('a', 'b', 'c', 'd'))

    def folder_tasks(*args: Any) -> list[Task]:
        return [task]

    monkeypatch.setattr(ceiling, 'folder_tasks', folder_tasks)
    monkeypatch.setattr(ceiling, '_BLOCK', 16)
    ceiling.main(['--data-root', str(tmp_path)])
    mean = capsys.readouterr().out.strip().splitlines()[-1].strip('| ').split(' | ')
    assert mean[0] == 'mean'
    assert min(map(float, mean[1:])) > 0.9
