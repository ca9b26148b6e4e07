# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path

import numpy as np
import pytest

from benchmarks import ablation
from benchmarks.methods.ablations import _PARTS, ABLATIONS, Ablated
from benchmarks.methods.ktextures import KTextures

from .labelled import write_set


def test_each_part_can_be_left_out() -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(size=(4, 48, 48)).astype(np.float32)
    image[:, 24:] += 2
    few = (('max_steps', 2), ('patch_size', 32), ('batch_size', 2))
    whole = KTextures(few)
    hashes = {str(whole.settings)}
    for part in _PARTS:
        method = Ablated(few, part=part)
        (labels,) = method.fit_predict([image], 2, seed=0)
        assert set(np.unique(labels)) <= {0, 1}
        hashes.add(str(method.settings))
    assert len(hashes) == 1 + len(_PARTS)
    assert len({str(m.settings) for m in ABLATIONS.values()}) == len(ABLATIONS)


def test_tables(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = (('max_steps', 2), ('patch_size', 32), ('batch_size', 2))
    monkeypatch.setattr(ablation, 'ABLATIONS', {'ktextures': KTextures(few)})
    monkeypatch.setitem(ablation.METHODS, 'ktextures', KTextures(few))
    write_set(tmp_path / 'data')
    output = tmp_path / 'ablation.csv'
    args = ['--data-root', str(tmp_path / 'data'), '--output', str(output)]
    ablation.main([*args, '--only', 'ktextures', '--numbers', '2', '5'])
    printed = capsys.readouterr().out
    assert '| ktextures | ' in printed
    assert '| kmeans, k = 5 | ' in printed
    assert '| ktextures, k = 2 | ' in printed
