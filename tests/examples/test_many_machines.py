# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The job of Slurm in the documentation, with a shell in the place of Slurm."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import rasterio

from torchgeo_ktextures.cli import main

from ..four_regions import agreement, four_regions

PAGE = Path(__file__).parents[2] / 'docs' / 'many_machines.md'

#: Stands in for the command: its start would take most of the time of this test.
RECORD = '#!/bin/bash\nprintf "%s\\n" "$@" > "arguments_$SLURM_ARRAY_TASK_ID"\n'


@pytest.mark.skipif(sys.platform == 'win32', reason='needs a shell of Unix')
def test_array_of_jobs(
    model: Path, scenes: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    match = re.search(r'(?s)```bash not-run: needs Slurm\n(.*?)```', PAGE.read_text())
    assert match
    (tmp_path / 'job.sh').write_text(match[1])
    (tmp_path / 'scenes.txt').write_text(''.join(f'{path}\n' for path in scenes))
    (tmp_path / 'model.ckpt').symlink_to(model)
    command = tmp_path / 'bin' / 'torchgeo-ktextures'
    command.parent.mkdir()
    command.write_text(RECORD)
    command.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    path = f'{command.parent}{os.pathsep}{os.environ["PATH"]}'
    for job in range(4):
        slurm = {'SLURM_ARRAY_TASK_ID': str(job), 'SLURM_ARRAY_TASK_COUNT': '4'}
        subprocess.run(
            ['bash', 'job.sh'], env=os.environ | slurm | {'PATH': path}, check=True
        )
    # The fourth of four jobs has no scene.
    recorded = sorted(tmp_path.glob('arguments_*'))
    assert len(recorded) == 3
    for file in recorded:
        main(file.read_text().splitlines())
    before = {
        path: path.stat().st_mtime_ns for path in Path('maps').glob('*_labels.tif')
    }
    assert sorted(path.name for path in before) == [f'{i}_labels.tif' for i in range(3)]
    for map_path in before:
        with rasterio.open(map_path) as src:
            assert agreement(four_regions()[1], src.read(1)) > 0.9
    arguments = ['--checkpoint', 'model.ckpt', '--output', 'maps', '--mosaic', 'vrt']
    main(['segment', *map(str, scenes), *arguments])
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert list(Path('maps').glob('*.vrt'))
