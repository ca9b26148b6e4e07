# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What has changed between two dates, and a picture of it.

    python examples/change_between_dates.py --output output/change

The first date is the scene of the package. The second one is made of it: round areas are
copied from one place to another, and all of it is seen in other light, with noise. So it
is known what has changed.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio

from torchgeo_ktextures.cli import main as command
from torchgeo_ktextures.datasets import Olinda

#: Row and column of what is copied, those of where to, and radius, as shares of the side.
AREAS = (
    ((0.40, 0.50), (0.55, 0.25), 0.05),
    ((0.60, 0.90), (0.30, 0.35), 0.05),
    ((0.75, 0.20), (0.20, 0.20), 0.06),
    ((0.40, 0.35), (0.75, 0.90), 0.07),
)

#: Gain of red, green, blue and near infrared, and noise in digital numbers.
GAINS, NOISE = (1.15, 1.1, 1.05, 0.9), 1.0


def second_date(bands: npt.NDArray[np.uint8], seed: int) -> npt.NDArray[np.uint8]:
    """Make a second date of a scene.

    Args:
        bands: Red, green, blue and near infrared of shape (4, H, W).
        seed: Seed of the noise.

    Returns:
        Bands of the same shape.
    """
    _, height, width = bands.shape
    side = min(height, width)
    rows, cols = np.mgrid[:height, :width]
    new = bands.astype(np.float64)
    for (row, col), (to_row, to_col), radius in AREAS:
        inside = np.hypot(rows - to_row * side, cols - to_col * side) <= radius * side
        down, right = round((row - to_row) * side), round((col - to_col) * side)
        at = np.nonzero(inside)
        new[:, *at] = bands[:, at[0] + down, at[1] + right]
    new *= np.array(GAINS)[:, None, None]
    new += np.random.default_rng(seed).normal(0, NOISE, new.shape)
    seen: npt.NDArray[np.uint8] = new.round().clip(1, 255).astype(np.uint8)
    return seen


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the dates, segment them together, and compare their maps.

    Args:
        arguments: Arguments of the command (defaults to those of the process).
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--output', type=Path, required=True, help='folder to write to')
    parser.add_argument('--n-clusters', default='6', help='number of classes')
    parser.add_argument('--steps', default='100', help='training steps')
    options = parser.parse_args(arguments)
    out: Path = options.output
    out.mkdir(parents=True, exist_ok=True)
    dates = [str(out / 'olinda_2000.tif'), str(out / 'olinda_2001.tif')]
    with rasterio.open(Olinda.path) as src:
        old, profile, names = src.read(), src.profile, src.descriptions
    for path, bands in zip(dates, (old, second_date(old, seed=0)), strict=True):
        with rasterio.open(path, 'w', **profile) as dst:
            dst.write(bands)
            dst.descriptions = names

    options_of_fit = f'--n-clusters {options.n_clusters} --steps {options.steps}'
    fit = f'{options_of_fit} --normalize relative --confidence true --progress false'
    command(['segment', *dates, *fit.split(), '--output', str(out / 'maps')])

    maps = [str(out / 'maps' / f'{Path(path).stem}_labels.tif') for path in dates]
    change, table = str(out / 'change.tif'), str(out / 'change.csv')
    compare = ['change', *maps, '--image', dates[0], '--image', dates[1]]
    compare += ['--output', change, '--table', table]
    command([*compare, '--report', str(out / 'change.html')])
    command(['picture', *dates, change, '--output', str(out / 'change.png')])


if __name__ == '__main__':
    main()
