# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Many scenes: several processes, and the record of what became of each scene."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from torchgeo_ktextures.cli import main

from ..command import FAST
from ..rasters import write_scene


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_processes_and_manifest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenes = [write_scene(tmp_path / f's{i}.tif') for i in range(3)]
    names = [str(scene) for scene in scenes]
    model = tmp_path / 'model.ckpt'
    alone, manifest = tmp_path / 'alone', tmp_path / 'scenes.jsonl'
    kept = ['--save-checkpoint', str(model), '--manifest', str(manifest)]
    main(['segment', *FAST, *names, '--output', str(alone), *kept])
    lines = lines_of(manifest)
    assert [line['scene'] for line in lines] == names
    assert {line['state'] for line in lines} == {'done'}
    assert [sum(line['pixels']) for line in lines] == 3 * [75 * 101 - 200]
    for line in lines:
        with rasterio.open(line['map']) as src:
            count = int((src.read(1) < 255).sum())
        assert count == sum(line['pixels'])
        assert sum(line['area_ha']) == pytest.approx(count * 4.7773**2 / 1e4, rel=0.1)
        assert line['seconds'] > 0

    # A damaged scene, a finished one, and two that are new, in two processes.
    together = tmp_path / 'together'
    together.mkdir()
    few = ['--checkpoint', str(model), '--manifest', str(manifest), '--jobs', '2']
    fast = FAST[2:]
    main(['segment', *fast, names[0], '--output', str(together), *few])
    scenes[1].write_bytes(scenes[1].read_bytes()[:5000])
    with pytest.raises(SystemExit):
        main(['segment', *fast, *names, '--output', str(together), *few])
    assert '1 of 3 scenes failed' in capsys.readouterr().err
    states = {line['scene']: line['state'] for line in lines_of(manifest)[4:]}
    assert states == {names[0]: 'kept', names[1]: 'failed', names[2]: 'done'}
    failed = next(x for x in lines_of(manifest) if x['state'] == 'failed')
    assert 'not a readable raster' in failed['error']
    for name in ('s0', 's2'):
        maps = [folder / f'{name}_labels.tif' for folder in (alone, together)]
        first, second = (rasterio.open(path).read() for path in maps)
        np.testing.assert_array_equal(first, second)


def test_bad_number_of_processes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = write_scene(tmp_path / 's.tif')
    with pytest.raises(SystemExit):
        main(['segment', str(scene), '--output', 'map.tif', '--jobs', '0'])
    assert 'jobs=0 must be at least 1' in capsys.readouterr().err
