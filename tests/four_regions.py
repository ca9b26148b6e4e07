# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""A scene of four known regions."""

import numpy as np
import numpy.typing as npt
from sklearn.metrics import adjusted_rand_score

#: Reflectance of red, green, blue and near infrared of water, forest, soil and town.
COLORS = np.array(
    [
        [0.04, 0.05, 0.06, 0.02],
        [0.05, 0.09, 0.05, 0.40],
        [0.25, 0.22, 0.18, 0.28],
        [0.13, 0.14, 0.15, 0.20],
    ]
)

type Bands = npt.NDArray[np.float32]
type Truth = npt.NDArray[np.int64]


def four_regions(
    height: int = 96, width: int = 96, seed: int = 0
) -> tuple[Bands, Truth]:
    """Bands in reflectance, of shape (4, H, W), and the region of each pixel."""
    rows, cols = np.mgrid[:height, :width]
    truth = (rows >= height // 2) * 2 + (cols >= width // 2)
    rng = np.random.default_rng(seed)
    light = 1 + 0.08 * rng.normal(size=(1, height, width))
    bands = COLORS[truth].transpose(2, 0, 1) * light
    bands += 0.006 * rng.normal(size=bands.shape)
    return bands.clip(0.001, 1).astype(np.float32), truth


def agreement(
    truth: Truth, labels: npt.NDArray[np.integer], keep: object = True
) -> float:
    """Adjusted Rand index on some pixels."""
    some = np.broadcast_to(np.asarray(keep), truth.shape)
    return float(adjusted_rand_score(truth[some], labels[some]))
