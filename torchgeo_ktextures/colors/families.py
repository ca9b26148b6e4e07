# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Families of colours that classes belong to by their spectra."""

import numpy as np
import numpy.typing as npt

type _Floats = npt.NDArray[np.float64]
type _Lab = tuple[float, float, float]

#: Ranges of lightness, chroma and hue of CIELAB: from, to and step. Hues in degrees are
#: 40 red, 70 orange, 100 yellow, 135 green, 200 cyan, 270 blue and 320 purple.
FAMILIES: dict[str, tuple[tuple[int, int, int], ...]] = {
    'water': ((18, 92, 6), (16, 72, 11), (205, 300, 15)),
    'vegetation': ((18, 94, 6), (26, 84, 10), (100, 153, 11)),
    'bare': ((30, 88, 6), (4, 64, 12), (27, 96, 13)),
    'bright': ((78, 100, 4), (0, 29, 7), (0, 360, 45)),
    'dark': ((2, 45, 5), (0, 29, 9), (10, 370, 45)),
    'unknown': ((30, 86, 8), (25, 76, 16), (305, 360, 15)),
}


def families_of(means: npt.ArrayLike) -> list[tuple[str, _Lab]]:
    """Find families of colours, and the colour that is most like each class.

    Water reflects more green than near infrared (NDWI, McFeeters 1996,
    https://doi.org/10.1080/01431169608948714), vegetation more near infrared than red
    (NDVI). Neither depends on the unit; how much counts as vegetation goes with the
    densest class, as sensors differ. Where all bands are much brighter or darker than in
    the other classes, it is cloud or snow, or burnt or in shadow. The rest is bare or
    built up. Without near infrared, green and blue are what is more so than in the other
    classes. These are rules to draw a map by, not to map by.

    Args:
        means: Mean of each band of each class, of shape ``(k, C)``, see
            :func:`~torchgeo_ktextures.colors.spectral_colors`.

    Returns:
        For each class the name of its family, or ``'any'`` if bands are too few to
        tell, and lightness, a and b of CIELAB.
    """
    values = np.asarray(means, np.float64)
    some = np.isfinite(values[:, :4]).all(1)
    found: list[tuple[str, _Lab]] = [('unknown', _lab(55, 50, 320))] * len(values)
    if not some.any():
        return found
    bands = values[some, :4]
    largest = np.abs(bands).max()
    bands = bands.clip(1e-6 * largest if largest else 1.0)
    if bands.shape[1] < 3:
        told = _by_brightness(bands)
    else:
        told = _by_color(bands) if bands.shape[1] < 4 else _by_indices(bands)
    for i, one in zip(np.flatnonzero(some), told, strict=True):
        found[i] = one
    return found


def _by_indices(bands: _Floats) -> list[tuple[str, _Lab]]:
    red, green, blue, nir = bands.T
    ndvi, ndwi = (nir - red) / (nir + red), (green - nir) / (green + nir)
    light = _relative(bands[:, :3].mean(1))
    infrared = _relative(nir)
    # Water is dark in near infrared, whatever a sensor makes of the ratio to green.
    land = nir[ndwi <= 0]
    wet = (ndwi > 0) & (nir < 0.6 * (np.median(land) if len(land) else nir.max()))
    largest = ndvi.max()
    least = float(np.clip(0.3 * largest, 0.1, 0.3))
    dense = max(largest, 0.4)
    pale = _pale(bands[:, :3], light)
    warmth = _warmth(red, blue)
    found = []
    for i in range(len(bands)):
        if pale[i] and infrared[i] > 1 and ndvi[i] < 0.25:
            found.append(('bright', _lab(96, 3, 240)))
        elif wet[i] or ndwi[i] > 0.3:
            found.append(_water(light[i]))
        elif light[i] < 0.5 and infrared[i] < 0.5:
            found.append(('dark', _lab(16, 6, 50)))
        elif ndvi[i] > least:
            found.append(_vegetation((ndvi[i] - least) / (dense - least)))
        else:
            found.append(_bare(warmth[i], light[i]))
    return found


def _by_color(bands: _Floats) -> list[tuple[str, _Lab]]:
    red, green, blue = bands.T
    light = _relative(bands.mean(1))
    leaf = (2 * green - red - blue) / (2 * green + red + blue)
    sea = (blue - red) / (blue + red)
    pale = _pale(bands, light)
    # Haze makes all classes of a scene bluer, some cameras make all greener.
    greener, bluer = leaf - np.median(leaf), sea - np.median(sea)
    wet = (bluer > 0.2) | ((sea > 0.3) & (leaf < 0.03))
    warmth = _warmth(red, blue)
    found = []
    for i in range(len(bands)):
        if pale[i]:
            found.append(('bright', _lab(96, 3, 240)))
        elif wet[i] and light[i] < 1.2:
            found.append(_water(light[i]))
        elif leaf[i] > 0.03 and (greener[i] >= 0 or leaf[i] > 0.1):
            found.append(_vegetation(1 - 0.6 * light[i]))
        elif light[i] < 0.4:
            found.append(('dark', _lab(16, 6, 50)))
        else:
            found.append(_bare(warmth[i], light[i]))
    return found


def _by_brightness(bands: _Floats) -> list[tuple[str, _Lab]]:
    light = _relative(bands.mean(1))
    return [('any', _lab(float(np.clip(50 * v, 15, 90)), 40, 60)) for v in light]


def _water(light: float) -> tuple[str, _Lab]:
    return 'water', _lab(float(np.clip(20 + 35 * light, 25, 80)), 45, 265)


def _vegetation(density: float) -> tuple[str, _Lab]:
    density = float(np.clip(density, 0, 1))
    return 'vegetation', _lab(80 - 50 * density, 55, 112 + 26 * density)


def _warmth(red: _Floats, blue: _Floats) -> _Floats:
    """How red classes are, 0.15 in the middle of them, as haze makes all bluer."""
    ratio: _Floats = (red - blue) / (red + blue)
    return ratio - np.median(ratio) + 0.15


def _bare(warmth: float, light: float) -> tuple[str, _Lab]:
    chroma = 150 * float(np.clip(warmth, 0.05, 0.4))
    lightness = float(np.clip(58 + 12 * np.log2(light), 34, 82))
    return 'bare', _lab(lightness, chroma, 60)


def _pale(visible: _Floats, light: _Floats) -> npt.NDArray[np.bool_]:
    """Which classes are white, brighter than most and about as bright as the first."""
    white = np.ptp(visible, axis=1) < 0.2 * visible.mean(1)
    return white & (light > 1.8) & (light > 0.6 * light.max())


def _relative(values: _Floats) -> _Floats:
    """Ratio to the middle of the classes."""
    ratio: _Floats = values / np.median(values)
    return ratio


def _lab(lightness: float, chroma: float, hue: float) -> _Lab:
    turn = np.radians(hue)
    return lightness, float(chroma * np.cos(turn)), float(chroma * np.sin(turn))
