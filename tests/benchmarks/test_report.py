# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy import stats

from benchmarks.maps import map_path, save_maps
from benchmarks.report import main
from benchmarks.results import COLUMNS, append_row
from benchmarks.scores import SCORES
from benchmarks.sets import folder_tasks
from benchmarks.summary import estimate

from .labelled import write_set

pytestmark = pytest.mark.filterwarnings(
    'ignore::rasterio.errors.NotGeoreferencedWarning'
)


def write_row(path: Path, **values: object) -> None:
    row: dict[str, object] = dict.fromkeys(COLUMNS, '1')
    row |= dict.fromkeys(SCORES, '0.5') | {
        'method': 'kmeans',
        'dataset': 'tiny',
        'task': 'cover',
        'clusters': 'classes',
        'k': 3,
        'seed': 0,
        'versions': json.dumps({'torch': '2'}),
        'settings': json.dumps({'n_init': 10}),
    }
    append_row(path, row | values)


def test_interval_is_that_of_scipy() -> None:
    values = [0.3, 0.35, 0.31]
    low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    found = estimate(values)
    assert found.mean - found.half_width == pytest.approx(low)
    assert found.mean + found.half_width == pytest.approx(high)
    assert str(estimate([0.25])) == '0.250'
    assert str(estimate([])) == ''


def test_report(tmp_path: Path) -> None:
    results, maps = tmp_path / 'results.csv', tmp_path / 'maps'
    write_set(tmp_path / 'data')
    for seed in range(3):
        for task, base in (('cover', 0.4), ('water', 0.8)):
            write_row(results, task=task, seed=seed, miou=base)
            ours = 1.5 * base + 0.01 * (seed - 1)
            write_row(results, method='ktextures', task=task, seed=seed, miou=ours)
    write_row(results, method='partial', miou=0.9)
    for task in folder_tasks(tmp_path / 'data'):
        labels = [np.where(mask == 255, 0, mask) for mask in task.masks]
        for method in ('kmeans', 'ktextures'):
            save_maps(map_path(maps, 'tiny', method, task.num_classes, 0), labels)
    config = {'name': 'tiny', 'scale': 1, 'channels': [0], 'classes': {'a': [0]}}
    config |= {'dataset': {'class_path': 'benchmarks.sets.mosaics.TextureMosaics'}}
    row = {'method': 'Theirs', 'accuracy': 0.77, 'source': 'a paper'}
    (tmp_path / 'tiny.yaml').write_text(yaml.safe_dump(config | {'published': [row]}))
    output = tmp_path / 'report'
    args = [str(results), '--output', str(output)]
    assert main([*args, '--configs', str(tmp_path / 'tiny.yaml')]) == 0
    assert '| Theirs | 0.770 |  | a paper |' in (output / 'report.md').read_text()
    args += ['--maps', str(maps), '--data-root', str(tmp_path / 'data')]
    assert main(args) == 0
    text = (output / 'report.md').read_text()
    line = next(x for x in text.splitlines() if x.startswith('| `ktextures`'))
    assert line.split(' | ')[1:] == [
        '0.600 ± 0.025',
        '1.200 ± 0.025',
        '0.900 ± 0.025',
        '1.500',
        '1.500 |',
    ]
    # What was not run on all tasks has no average.
    line = next(x for x in text.splitlines() if x.startswith('| `partial`'))
    assert line.split(' | ')[1:] == ['0.900', '', '', '', ' |']
    names = {path.name for path in output.iterdir()}
    assert names == {
        'report.md',
        'scores_classes.png',
        'costs.png',
        'maps_tiny_cover.png',
        'maps_tiny_water.png',
    }
    assert all(f'({name})' in text for name in names - {'report.md'})


def test_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = tmp_path / 'results.csv'
    args = [str(results), '--output', str(tmp_path / 'report')]
    assert main(args) == 2
    assert 'there are no results' in capsys.readouterr().err
    write_row(results, data_hash='old')
    write_row(results, data_hash='new', seed=1)
    assert main(args) == 2
    assert 'tiny/cover are of different data: old, new' in capsys.readouterr().err
