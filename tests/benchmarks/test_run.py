# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.maps import load_maps
from benchmarks.methods.registry import METHODS
from benchmarks.results import read_rows
from benchmarks.run import fits, main
from benchmarks.scores import score
from benchmarks.sets import folder_tasks

from .labelled import write_set

pytestmark = pytest.mark.filterwarnings(
    'ignore::rasterio.errors.NotGeoreferencedWarning'
)


def test_rows_are_appended_and_not_computed_again(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What this test does not need is not imported.
    needed = ['benchmarks.cell', 'benchmarks.methods.kmeans']
    monkeypatch.setattr('benchmarks.cell.PRELOAD', needed)
    write_set(tmp_path / 'data')
    output = tmp_path / 'results.csv'
    args = ['--data-root', str(tmp_path / 'data'), '--output', str(output)]
    args += ['--methods', 'kmeans', 'kmeans@n_init=2', '--clusters', 'classes']
    args += ['--maps', str(tmp_path / 'maps')]
    assert main(args) == 0
    rows = read_rows(output)
    assert len(rows) == 4
    row = next(r for r in rows if r['task'] == 'cover' and '@' not in r['method'])
    assert float(row['miou']) > 0.9
    assert float(row['boundary_f1']) > 0.9
    assert float(row['wall_seconds']) > 0
    assert float(row['cpu_seconds']) >= 0
    assert float(row['peak_memory_mib']) >= 0
    assert json.loads(row['settings'])['n_init'] == 10
    assert 'torch' in json.loads(row['versions'])
    assert {r['config_hash'] for r in rows if '@' in r['method']} != {
        row['config_hash']
    }
    maps = load_maps(tmp_path / 'maps' / 'tiny_kmeans_k3_seed0.npz')
    assert [m.shape for m in maps] == [(48, 48)] * 2

    # A row that was cut off is computed again, others are not.
    text = output.read_text()
    output.write_text(text[: text.rindex('kmeans@n_init=2') + 30])
    capsys.readouterr()
    assert main(args) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    again = read_rows(output)
    assert len(again) == 4
    assert {r['miou'] for r in again} == {r['miou'] for r in rows}

    # A method that fails leaves no row, and the others go on.
    args[args.index('kmeans')] = 'kmeans@n_init=0'
    assert main(args) == 1
    assert 'tiny kmeans@n_init=0 k=2 failed' in capsys.readouterr().err
    assert len(read_rows(output)) == 4


def test_tasks_share_a_fit_of_equal_k(tmp_path: Path) -> None:
    write_set(tmp_path)
    tasks = list(folder_tasks(tmp_path))
    plan = list(fits(tasks, {'kmeans': METHODS['kmeans']}, [0, 1], ['classes', '3x']))
    assert [(f.k, f.seed, len(f.results)) for f in plan] == [
        (2, 0, 1),
        (3, 0, 1),
        (6, 0, 1),
        (9, 0, 1),
        (2, 1, 1),
        (3, 1, 1),
        (6, 1, 1),
        (9, 1, 1),
    ]
    same = list(fits([tasks[0]] * 2, {'kmeans': METHODS['kmeans']}, [0], ['classes']))
    assert [len(f.results) for f in same] == [2]


def test_invalid_pixels_do_not_count(tmp_path: Path) -> None:
    write_set(tmp_path, count=1)
    task = next(folder_tasks(tmp_path))
    labels = task.masks[0].copy()
    labels[labels == 255] = 0
    assert score(task, [labels], 3)['miou'] == 1
    labels[10:20] = -1
    with pytest.raises(ValueError, match='prediction -1'):
        score(task, [labels], 3)
    task.images[0][0, 10:20] = np.nan
    assert score(task, [labels], 3)['miou'] == 1
    with pytest.raises(ValueError, match='map 0 of tiny/cover is of shape'):
        score(task, [labels[1:]], 3)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (['--data-root', 'nowhere'], 'has no folder with a dataset.yaml'),
        (['--methods', 'magic'], "there is no method 'magic'"),
        (['--methods', 'kmeans@depth=3'], "has no setting 'depth', use one of n_init"),
        (['--methods', 'kmeans@depth'], "'depth' in 'kmeans@depth' is no setting"),
        (['--output', 'other.csv'], 'has other columns'),
    ],
)
def test_errors_say_what_to_do(
    change: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path('other.csv').write_text('a,b\n1,2\n')
    write_set(tmp_path / 'data')
    args = ['--data-root', 'data', '--output', 'results.csv', *change]
    assert main(args) == 2
    assert message in capsys.readouterr().err


def test_missing_labels(tmp_path: Path) -> None:
    folder = write_set(tmp_path)
    (folder / 'masks' / '1.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'1\.png is missing'):
        list(folder_tasks(tmp_path))
