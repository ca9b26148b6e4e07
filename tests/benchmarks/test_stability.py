# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import csv
from pathlib import Path

import numpy as np
import pytest

from benchmarks import leave_out, stability
from benchmarks.results import COLUMNS, append_row
from benchmarks.sets import Task

from .labelled import write_set


def test_parts_of_a_task() -> None:
    images = [np.full((3, 20, 30), i, np.float32) for i in range(10)]
    masks = [np.full((20, 30), i) for i in range(10)]
    task = Task('set', 'task', images, masks, ('a', 'b'))
    part = stability.part_of(task, 0)
    assert len(part.images) == len(part.masks) == 8
    pairs = zip(part.images, part.masks, strict=True)
    assert all(image[0, 0, 0] == mask[0, 0] for image, mask in pairs)
    single = Task('set', 'task', [np.indices((20, 30), np.float32)], masks[:1], ('a',))
    one, two = (stability.part_of(single, i) for i in (1, 2))
    assert one.images[0].shape[1:] == one.masks[0].shape == (18, 27)
    assert (one.images[0] != two.images[0]).any()


def test_map_of_the_whole_is_scored_on_parts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_set(tmp_path / 'sets', count=5)
    out = tmp_path / 'out.csv'
    sets = ['--data-root', str(tmp_path / 'sets'), '--output', str(out)]
    method = ['--method', 'gaussian-mixture', '--seeds', '1', '--parts', '3']
    stability.main([*sets, *method])
    table = capsys.readouterr().out.strip().splitlines()
    assert table[-1].startswith('| mean | nan | 0.0')  # of one seed
    with out.open() as file:
        rows = list(csv.DictReader(file))
    wanted = {'task': 'cover', 'clusters': 'classes', 'what': 'map_part'}
    found = [r for r in rows if wanted.items() <= r.items()]
    assert [r['value'] for r in found] == ['0', '1', '2']
    assert min(float(r['score']) for r in found) > 0.95


def test_table_of_changes() -> None:
    rows = [
        {'dataset': 's', 'task': 't', 'clusters': clusters, 'what': what,
         'value': str(value), 'score': str(score)}
        for clusters in ('classes', '3x')
        for what, scores in (
            ('seed', (0.5, 0.5)), ('part', (0.4, 0.6)),
            ('map_part', (0.5, 0.5)), ('stride', (0.2, 0.5, 0.3)),
        )
        for value, score in enumerate(scores)
    ]  # fmt: skip
    line = stability.summarize(rows).splitlines()[2]
    assert (
        line
        == '| s/t | 0.000 | 0.141 | 0.000 | 0.300 | 0.000 | 0.141 | 0.000 | 0.300 |'
    )


def test_sets_left_out(tmp_path: Path) -> None:
    # On set a, 1 is better than the default 4, on b and c it is worse.
    scores = {'a': (0.5, 0.8), 'b': (0.6, 0.5), 'c': (0.6, 0.5)}
    reference, rows = tmp_path / 'reference.csv', []
    for name, pair in scores.items():
        for clusters, value in (('classes', 'miou'), ('3x', 'majority_miou')):
            row = dict.fromkeys(COLUMNS, '0') | {value: '0.5', 'method': 'kmeans'}
            ids = {'dataset': name, 'task': 't', 'clusters': clusters, 'seed': '0'}
            append_row(reference, row | ids)
            for constant, shown, score in zip(
                ('default', 'EDGE_POWER'), ('', '1'), pair, strict=True
            ):
                own = {'constant': constant, 'value': shown, 'score': str(score)}
                rows.append(ids | own)
    line = leave_out.summarize(rows, reference).splitlines()[2].split(' | ')
    assert line[0] == '| `EDGE_POWER`'
    assert line[1] == '4: 1.133, 1: 1.200'
    # Without a, 4 is chosen, which has 1.0 on a; without b or c, 1, which has 1.0 there.
    assert line[2] == '1 (2), 4 (1)'
    assert float(line[3].removesuffix(' |')) == pytest.approx(1.0)
