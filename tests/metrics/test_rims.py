# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import numpy as np
import pytest

from torchgeo_ktextures.metrics import rim_classes, rim_share


def fields(rim: int) -> np.ndarray:
    """Two classes, and a strip of a third one between them."""
    labels = np.zeros((80, 80), int)
    labels[:, 40:] = 1
    labels[:, 40 - rim // 2 : 40 + rim - rim // 2] = 2
    return labels


@pytest.mark.parametrize(
    ('rim', 'found'), [(1, True), (4, True), (6, True), (9, False)]
)
def test_strips(rim: int, found: bool) -> None:
    labels = fields(rim)
    assert rim_classes([labels], 4) == ([2] if found else [])
    assert rim_share([labels], 4) == pytest.approx(rim / 80 if found else 0)


def test_invalid_pixels_are_no_class() -> None:
    labels = fields(4)
    labels[:, 38:42] = -1
    assert rim_share([labels], 3) == 0
    assert rim_share([np.full((5, 5), -1)], 3) == 0
