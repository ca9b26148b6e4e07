# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import csv
import random
from pathlib import Path

import numpy as np
import pytest
import rasterio

from benchmarks.campaign.__main__ import main, summarize
from benchmarks.campaign.checks import broken_files
from benchmarks.campaign.corruption import corrupt
from benchmarks.campaign.inputs import CASES, make_inputs
from benchmarks.campaign.judging import judge
from benchmarks.campaign.processes import FIELDS, do_run
from benchmarks.campaign.runs import do, prepare


@pytest.fixture(scope='module')
def valid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('valid')
    make_inputs(folder)
    return folder


def test_corruption_changes_and_repeats() -> None:
    data = bytes(range(256)) * 8
    names = set()
    for seed in range(60):
        found, damage = corrupt(data, random.Random(seed))
        assert found != data
        assert corrupt(data, random.Random(seed)) == (found, damage)
        assert 0 <= damage.position <= len(data)
        names.add(damage.name)
    assert len(names) == 7


@pytest.mark.parametrize('number', range(12))
def test_runs(valid: Path, tmp_path: Path, number: int) -> None:
    kind = CASES[2 * number].kind
    row = do_run(number, 7, valid, tmp_path / 'run', kind=kind)
    assert row['kind'] == kind
    assert row['code'] in (0, 1, 2)
    assert row['faults'] == ''
    assert row['outcome']


def test_wrong_maps_are_found(valid: Path, tmp_path: Path) -> None:
    run = prepare(valid, tmp_path / 'run', random.Random(0), 'strips')
    run.damaged.write_bytes((valid / 'strips.tif').read_bytes())
    run.command = 'checkpoint'
    do(run, 60)
    assert (run.code, run.faults, broken_files(run), judge(run)) == (0, [], [], 'right')
    path = run.output / 'map.tif'
    with rasterio.open(path, 'r+', IGNORE_COG_LAYOUT_BREAK='YES') as dst:
        labels = dst.read(1)
        dst.write(np.where(labels == 255, 255, labels % 2).astype(np.uint8), 1)
    assert judge(run) == 'wrong: labels'
    with rasterio.open(path, 'r+', IGNORE_COG_LAYOUT_BREAK='YES') as dst:
        dst.write(labels.clip(0, 3), 1)
    assert judge(run).startswith('wrong: nodata')
    path.write_bytes(path.read_bytes()[:1000])
    (run.output / '.map.tif.unfinished').touch()
    temporary, broken = broken_files(run)[0], broken_files(run)[-1]
    assert 'temporary' in temporary
    assert 'broken map.tif' in broken


def test_command_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / 'campaign.csv'
    args = ['--seed', '3', '--kind', 'legend', '--output', str(output)]
    main(['--runs', '1', *args])
    main(['--runs', '2', *args])
    assert '1 runs took' in capsys.readouterr().out.splitlines()[-1]
    with output.open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['run'] for row in rows] == ['0', '1']
    bad = dict.fromkeys(FIELDS, '') | {
        'kind': 'tiles',
        'seconds': '1',
        'faults': 'hang',
    }
    assert 'hang' not in summarize(rows)
    assert summarize([*rows, bad]).splitlines()[2].split()[-3] == '1'
