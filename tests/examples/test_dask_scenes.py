# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import runpy
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import rasterio

from torchgeo_ktextures import KTexturesSegmenter

from ..four_regions import agreement, four_regions

pytest.importorskip('distributed')
EXAMPLE = Path(__file__).parents[2] / 'examples' / 'dask_scenes.py'


@pytest.fixture(scope='module')
def example() -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLE))


@pytest.mark.enable_socket
def test_cluster(
    example: dict[str, Any], model: Path, scenes: list[Path], tmp_path: Path
) -> None:
    example['main'](
        [str(model), *map(str, scenes), '--output', str(tmp_path / 'maps')],
        # On the loopback address and in this process, for the test.
        host='127.0.0.1',
        protocol='tcp://',
        processes=False,
        dashboard_address=None,
    )
    segmenter = KTexturesSegmenter.load(model)
    for scene in scenes:
        with rasterio.open(tmp_path / 'maps' / f'{scene.stem}_labels.tif') as src:
            labels = src.read(1)
        assert (labels == segmenter.predict(scene)).all()
        assert agreement(four_regions()[1], labels) > 0.9


def test_blocks(example: dict[str, Any], model: Path) -> None:
    image = four_regions(128, 192)[0]
    segmenter = KTexturesSegmenter.load(model)
    blocks = da.from_array(image, chunks=(4, 128, 96))
    labels = example['label_blocks'](segmenter, blocks)
    assert labels.chunks == ((128,), (96, 96))
    found = labels.compute(scheduler='synchronous')
    assert np.array_equal(found, segmenter.predict(image))
