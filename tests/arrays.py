# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Images of four surfaces in memory, and checks of their labels."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import adjusted_rand_score

from torchgeo_ktextures import KTexturesSegmenter

from .four_regions import COLORS

type Array = npt.NDArray[Any]

SIZE = 64
ROWS, COLS = np.mgrid[:SIZE, :SIZE]
TRUTH = (ROWS >= SIZE // 2) * 2 + (COLS >= SIZE // 2)
#: Odd and off the centre, so that neither a flip nor a transposition goes unseen.
VALID = ~((ROWS < 11) & (COLS < 23))
BAND = ('band', 'y', 'x')
FILL = -9999


def reflectance() -> Array:
    rng = np.random.default_rng(0)
    data = COLORS[TRUTH].transpose(2, 0, 1)
    data = data * (1 + 0.04 * rng.normal(size=(1, SIZE, SIZE)))
    data += 0.003 * rng.normal(size=data.shape)
    return np.where(VALID, data.clip(0.001), np.nan)


IMAGE = reflectance()
COUNTS = np.where(VALID, IMAGE * 10000, FILL).round().astype(np.int16)


def make(**kwargs: Any) -> KTexturesSegmenter:
    defaults = {'max_steps': 4, 'random_state': 0, 'device': 'cpu', 'mask_stride': 2}
    return KTexturesSegmenter(4, **(defaults | kwargs))


def check(labels: Any, valid: Array = VALID, least: float = 0.9) -> None:
    labels = np.asarray(labels)
    assert labels.shape == valid.shape
    assert ((labels >= 0) == valid).all()
    assert adjusted_rand_score(TRUTH[valid], labels[valid]) > least


def array(data: Array = COUNTS, dims: tuple[str, ...] = BAND, **kwargs: Any) -> Any:
    encoding = kwargs.pop('encoding', {})
    xr = pytest.importorskip('xarray')
    result = xr.DataArray(data, dims=dims, **kwargs)
    result.encoding.update(encoding)
    return result
