# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import functools
from pathlib import Path

import pytest
import torch

from benchmarks import textures

from ..rasters import scene_pixels, write_raster


def test_moments_and_distance() -> None:
    labels = torch.zeros(8, 8, dtype=torch.long)
    labels[:, 4:] = 1
    features = torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(0))
    features[:, :, 2:] += 2
    found = textures.moments(features, labels, 3)
    assert found[2] is None
    assert found[0] is not None
    assert found[0][0] == pytest.approx(features[:, :, :2].flatten(1).mean(1))
    one = torch.ones(3)
    assert textures.distance(found, found, one) == 0
    apart = [None if m is None else m + 0.5 for m in found]
    assert textures.distance(found, apart, one) == pytest.approx(0.5)


def test_table(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = functools.partial(textures.KTexturesSegmenter, max_steps=4)
    monkeypatch.setattr(textures, 'KTexturesSegmenter', few)
    scene = write_raster(tmp_path / 'scene.tif', scene_pixels(96, 96))
    textures.main([str(scene), '--n-clusters', '2'])
    cells = capsys.readouterr().out.strip().splitlines()[-1].split('|')[3:7]
    colors, _, final, _ = (float(cell) for cell in cells)
    assert final < colors
