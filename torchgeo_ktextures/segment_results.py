# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What the segment command leaves beside its maps."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml
from matplotlib.image import imsave

from .callbacks.class_statistics import CLASSES_TAG, ClassSummary, read_summaries
from .callbacks.label_map import read_tags
from .colors import class_colors
from .estimator import KTexturesSegmenter
from .maps import ClassEntry, write_classes
from .maps.output import complete_file, make_folder


def total_summaries(maps: Sequence[Path]) -> tuple[list[str], list[ClassSummary]]:
    """Add up what maps say about their classes.

    Args:
        maps: Finished maps of the same classes.

    Returns:
        Names of the bands, and one summary per class over all maps.
    """
    found = [read_summaries(read_tags(path)[CLASSES_TAG]) for path in maps]
    bands = found[0][0]
    totals = []
    for parts in zip(*(classes for _, classes in found), strict=True):
        pixels = sum(part.pixels for part in parts)
        areas = [part.area_ha for part in parts if part.area_ha is not None]
        area = math.fsum(areas) if len(areas) == len(parts) else None
        some = [part for part in parts if part.pixels]
        weights = np.array([part.pixels for part in some]) / max(pixels, 1)
        mean = np.array([part.mean for part in some])
        squares = np.array([part.std for part in some]) ** 2 + mean**2
        if not some:
            totals.append(ClassSummary(0, area, [], []))
            continue
        center = weights @ mean
        spread = np.sqrt(np.maximum(weights @ squares - center**2, 0))
        totals.append(ClassSummary(pixels, area, center.tolist(), spread.tolist()))
    return bands, totals


def print_summary(maps: Sequence[Path], files: Sequence[str]) -> None:
    """Print classes, areas, spectra and files.

    Args:
        maps: Finished maps.
        files: Everything that was written.
    """
    bands, classes = total_summaries(maps)
    total = max(sum(c.pixels for c in classes), 1)
    hectares = all(c.area_ha is not None for c in classes)
    size = 'hectares' if hectares else 'pixels'
    print(f'\n{"class":>5} {size:>16} {"share":>7}  mean of ' + ', '.join(bands))
    for i, c in enumerate(classes):
        amount = f'{c.area_ha:16,.2f}' if hectares else f'{c.pixels:16,}'
        means = '  '.join(f'{value:.4g}' for value in c.mean) or 'no pixel'
        print(f'{i:5} {amount} {c.pixels / total:7.1%}  {means}')
    if not hectares:
        print('Areas are in pixels: a scene has no georeference.')
    print('\nWritten:')
    for file in files:
        print(f'  {file}')


def check_legend(path: Path) -> None:
    """Refuse to overwrite a legend in which there are names.

    Args:
        path: Path of the legend.

    Raises:
        ValueError: If someone has filled in names.
    """
    if not path.exists():
        return
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
        names = [entry.get('name') for entry in content['classes']]
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, UnicodeDecodeError):
        names = [None]
    if any(name != '' for name in names):
        msg = f'{path} is there already and has been edited; move it away, or choose '
        raise ValueError(msg + 'another file with --legend')


def write_legend(
    path: Path, maps: Sequence[Path], segmenter: KTexturesSegmenter
) -> list[str]:
    """Write the classes for a user to name, beside pictures of their textures.

    Args:
        path: Path of the YAML file.
        maps: Finished maps.
        segmenter: Fitted estimator.

    Returns:
        What was written.
    """
    bands, classes = total_summaries(maps)
    colors = class_colors(len(classes))
    folder = path.with_name(f'{path.stem}_textures')
    make_folder(folder)
    low, high = stretch(classes)
    entries = []
    for i, c in enumerate(classes):
        texture = (segmenter.textures_[i, :3] - low) / (high - low)
        shown = np.moveaxis(texture.clip(0, 1), 0, -1).repeat(2, 0).repeat(2, 1)
        with complete_file(folder / f'{i}.png') as temporary:
            imsave(temporary, shown, format='png')
        entries.append(
            ClassEntry(
                i,
                colors[i][:3],
                c.area_ha,
                c.pixels,
                dict(zip(bands, c.mean, strict=False)),
                f'{folder.name}/{i}.png',
            )
        )
    write_classes(path, entries)
    return [str(path), f'{folder}/']


def stretch(classes: Sequence[ClassSummary]) -> tuple[np.ndarray, np.ndarray]:
    """Contrast stretch of red, green and blue that shows all classes.

    Args:
        classes: Summaries of the classes.

    Returns:
        Values of black and white, of shape ``(3, 1, 1)``.
    """
    some = [c for c in classes if c.pixels]
    counts = np.array([c.pixels for c in some], float)
    mean = np.array([c.mean[:3] for c in some])
    std = np.array([c.std[:3] for c in some])
    center = np.average(mean, axis=0, weights=counts)
    squares = np.average(std**2 + mean**2, axis=0, weights=counts)
    spread = np.sqrt(np.maximum(squares - center**2, 1e-12))
    low, high = center - 2 * spread, center + 2 * spread
    return low[:, None, None], high[:, None, None]
