# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import functools
from pathlib import Path
from typing import Any

import pytest

from benchmarks import clicks
from benchmarks.click_methods import CLICK_METHODS
from benchmarks.click_scene import ClickScene
from benchmarks.sets import Task
from torchgeo_ktextures import KTexturesSegmenter

from .regions import regions_task


def test_every_method_and_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    task = regions_task(72, 80)

    def find_tasks(*args: Any) -> list[Task]:
        return [task]

    def segmenter(scene: ClickScene) -> KTexturesSegmenter:
        fitted = KTexturesSegmenter(4, max_steps=2, random_state=0, device='cpu')
        return fitted.fit_model(task.images[0])

    made = functools.cached_property(segmenter)
    made.__set_name__(ClickScene, 'segmenter')
    monkeypatch.setattr(clicks, 'find_tasks', find_tasks)
    monkeypatch.setattr(ClickScene, 'segmenter', made)
    output, plot = tmp_path / 'clicks.csv', tmp_path / 'clicks.png'
    args = ['--data-root', str(tmp_path), '--output', str(output), '--draws', '1']
    args += ['--clicks', '4', '12', '--plot', str(plot)]
    clicks.main(args)
    lines = capsys.readouterr().out.split('\n\n')[0].splitlines()
    shown = {line.split(' | ')[0].strip('| '): line for line in lines}
    assert set(CLICK_METHODS) <= set(shown)
    scores = [
        float(v) for v in shown['ktextures, suggested'].strip('| ').split(' | ')[1:]
    ]
    assert min(scores) > 0.9
    assert plot.stat().st_size
    # Rows that are there are not computed again.
    before = output.read_text()
    clicks.main(args)
    assert output.read_text() == before
