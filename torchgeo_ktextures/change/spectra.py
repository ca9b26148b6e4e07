# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Spectra of the classes of a map, as the map tells them."""

import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rasterio.io import DatasetReader

from ..maps.radiometry import MapRadiometry
from ..maps.reading import CLASSES_TAG

type _Array = npt.NDArray[np.float64]


class Spectra(NamedTuple):
    """Mean bands of the classes of a map that have pixels."""

    bands: Sequence[str]
    codes: Sequence[int]
    #: Number of pixels of each, of shape ``(n,)``.
    pixels: _Array
    #: Mean and standard deviation of bands, of shape ``(n, C)``.
    mean: _Array
    std: _Array


def read_spectra(src: DatasetReader) -> Spectra:
    """Read the spectra of the classes of a map.

    Where the scene was brought to the radiometry of others, so are its spectra.

    Args:
        src: Open map.

    Returns:
        Spectra.

    Raises:
        ValueError: If the map does not tell them.
    """
    try:
        content = json.loads(src.tags(1)[CLASSES_TAG])
        bands = [str(band) for band in content['bands']]
        some = [(i, c) for i, c in enumerate(content['classes']) if c['pixels']]
        codes = [i for i, _ in some]
        pixels = np.array([c['pixels'] for _, c in some], np.float64)
        shape = (len(some), len(bands))
        mean, std = (
            np.array([c[name] for _, c in some], np.float64).reshape(shape)
            for name in ('mean', 'std')
        )
    except (KeyError, TypeError, ValueError):
        msg = f'{src.name} does not tell the spectra of its classes; give maps as '
        raise ValueError(f'{msg}segment wrote them') from None
    light = MapRadiometry.of_tags(src.tags())
    if light is not None:
        gain = np.array(light.gain)
        mean, std = mean * gain + np.array(light.offset), std * gain
    return Spectra(bands, codes, pixels, mean, std)


def within_std(one: Spectra, two: Spectra) -> _Array:
    """Standard deviation of bands within the classes of two maps.

    Args:
        one: Spectra of a map.
        two: Spectra of another one, of the same bands.

    Returns:
        Root of the mean variance over all pixels, of shape ``(C,)``.
    """
    pixels = np.concatenate([one.pixels, two.pixels])
    variance = np.concatenate([one.std, two.std]) ** 2
    std: _Array = np.sqrt(pixels @ variance / pixels.sum())
    return std
