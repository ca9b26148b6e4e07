# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.datasets import ArrayWindows
from torchgeo_ktextures.inference.statistics import ClassStatistics, pooled_moments

from ..rasters import scene_pixels


@pytest.fixture(scope='module')
def fitted() -> KTexturesSegmenter:
    segmenter = KTexturesSegmenter(
        2, max_steps=3, random_state=0, device='cpu', patch_size=32
    )
    return segmenter.fit(scene_pixels())


def test_threads(fitted: KTexturesSegmenter) -> None:
    images = [scene_pixels(seed=seed) for seed in range(6)]
    expected = [fitted.predict(image) for image in images]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(fitted.predict, images))
    assert np.array_equal(found, expected)


def test_interrupted(
    fitted: KTexturesSegmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ArrayWindows, '__getitem__', stop)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            fitted.predict(scene_pixels())


def test_statistics() -> None:
    rng = np.random.default_rng(0)
    labels, image = rng.integers(-1, 3, (40, 30)), rng.normal(1e3, 1, (2, 40, 30))
    whole, parts, reverse = (ClassStatistics(4, 40) for _ in range(3))
    whole.update(labels, image)
    rows = range(0, 40, 7)
    for statistics, order in ((parts, rows), (reverse, reversed(rows))):
        for row in order:
            part = slice(row, row + 7)
            statistics.update(labels[part], image[:, part], row)
    assert parts.classes() == reverse.classes()
    for i, (one, other) in enumerate(zip(whole.classes(), parts.classes())):
        pixels = image[:, labels == i]
        assert one.pixels == other.pixels == pixels.shape[1]
        if one.pixels:
            assert np.allclose([one.mean, other.mean], pixels.mean(1))
            assert np.allclose([one.std, other.std], pixels.std(1))
    moments = pooled_moments(whole.classes())
    assert moments is not None
    pixels = image[:, labels >= 0]
    assert np.allclose(moments, [pixels.mean(1), pixels.std(1)])
