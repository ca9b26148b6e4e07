# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path

import pytest
import torch

from .rasters import write_scene


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A small scene with two halves, nodata in a corner, and an odd size."""
    return write_scene(tmp_path / 'scene.tif')
