# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""What the segment command leaves beside its maps."""

import json
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import numpy as np

from ..inference.origin import read_tags
from ..inference.statistics import ClassSummary, read_summaries, total_classes
from ..maps import ClassEntry, read_classes, write_classes
from ..maps.output import complete_file, make_folder
from ..maps.reading import CLASSES_TAG, MODEL_TAG, map_colors, open_raster
from ..segmenter import Segmenter


def total_summaries(maps: Sequence[Path]) -> tuple[list[str], list[ClassSummary]]:
    """Add up what maps say about their classes.

    Args:
        maps: Finished maps of the same classes.

    Returns:
        Names of the bands, and one summary per class over all maps.
    """
    found = [read_summaries(read_tags(path)[CLASSES_TAG]) for path in maps]
    return found[0][0], total_classes([classes for _, classes in found])


def print_summary(
    maps: Sequence[Path], files: Sequence[str], names: Sequence[str] | None = None
) -> None:
    """Print classes, areas, spectra and files.

    Args:
        maps: Finished maps.
        files: Everything that was written.
        names: Names of the classes (defaults to their numbers).
    """
    bands, classes = total_summaries(maps)
    total = max(sum(c.pixels for c in classes), 1)
    hectares = all(c.area_ha is not None for c in classes)
    size = 'hectares' if hectares else 'pixels'
    shown = names or [str(i) for i in range(len(classes))]
    width = max(5, *map(len, shown))
    head = f'\n{"class":>{width}} {size:>16} {"share":>7}  mean of '
    print(head + ', '.join(bands))
    for i, c in enumerate(classes):
        amount = f'{c.area_ha:16,.2f}' if hectares else f'{c.pixels:16,}'
        means = '  '.join(f'{value:.4g}' for value in c.mean) or 'no pixel'
        print(f'{shown[i]:>{width}} {amount} {c.pixels / total:7.1%}  {means}')
    if not hectares:
        print('Areas are in pixels: a scene has no georeference.')
    print('\nWritten:')
    for file in files:
        print(f'  {file}')


def choose_legend(legend: Path | None, maps: Sequence[Path]) -> Path:
    """Choose the file for the names of classes, such that no names are lost.

    That is ``classes.yaml`` beside the maps. If that one belongs to maps that are not
    written now, a map gets a legend of its own name, and several maps get the next
    number.

    Args:
        legend: File that the user wants, if any.
        maps: Maps that are to be written.

    Returns:
        Path of the file, which may exist but has no names in it.

    Raises:
        ValueError: If someone has filled in names for these maps.
    """
    if legend is not None:
        check_legend(legend)
        return legend
    path = next(path for path in _legend_names(maps) if not _is_of_others(path, maps))
    check_legend(path)
    return path


def _legend_names(maps: Sequence[Path]) -> Iterator[Path]:
    folder, stem = maps[0].parent, 'classes'
    yield folder / 'classes.yaml'
    if len(maps) == 1:
        stem = f'{maps[0].stem}_classes'
        yield folder / f'{stem}.yaml'
    for number in count(2):
        yield folder / f'{stem}_{number}.yaml'


def _is_of_others(path: Path, maps: Sequence[Path]) -> bool:
    """Whether a legend has to stay as it is because of maps that stay."""
    if not path.exists():
        return False
    try:
        found = read_classes(path)
    except (OSError, ValueError):  # someone is at work on it
        return True
    # Earlier versions did not tell the maps.
    return bool(found.others(maps)) or (found.has_names and not found.maps)


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
        edited = read_classes(path).has_names
    except (OSError, ValueError):
        edited = True
    if edited:
        msg = f'{path} is there already and has been edited; move it away, or choose '
        raise ValueError(msg + 'another file with --legend')


def write_legend(path: Path, maps: Sequence[Path], segmenter: Segmenter) -> list[str]:
    """Write the classes for a user to name, beside pictures of their textures.

    Args:
        path: Path of the YAML file.
        maps: Finished maps.
        segmenter: Fitted estimator.

    Returns:
        What was written.
    """
    from matplotlib.image import imsave

    bands, classes = total_summaries(maps)
    with open_raster(maps[0]) as src:
        colors = map_colors(src, range(len(classes)))
    folder = path.with_name(f'{path.stem}_textures')
    make_folder(folder)
    for file in folder.glob('*.png'):  # of an earlier legend of more classes
        if file.stem.isdecimal() and int(file.stem) >= len(classes):
            file.unlink()
    shown_bands = np.asarray(segmenter.textures_)[:, :3]
    low, high = stretch(shown_bands, [c.pixels for c in classes])
    entries = []
    for i, c in enumerate(classes):
        texture = (shown_bands[i] - low) / (high - low)
        shown = np.moveaxis(texture.clip(0, 1), 0, -1).repeat(2, 0).repeat(2, 1)
        with complete_file(folder / f'{i}.png') as temporary:
            imsave(temporary, shown, format='png')
        entries.append(
            ClassEntry(
                i,
                colors[i],
                c.area_ha,
                c.pixels,
                dict(zip(bands, c.mean, strict=False)),
                f'{folder.name}/{i}.png',
            )
        )
    write_classes(path, entries, maps, read_tags(maps[0]).get(MODEL_TAG))
    return [str(path), f'{folder}/']


def selection_path(legend: Path) -> Path:
    """Where criteria for the number of classes go, beside the legend.

    Args:
        legend: Path of the legend.

    Returns:
        ``selection.json`` beside ``classes.yaml``, and likewise for others.
    """
    stem = legend.stem
    stem = stem.replace('classes', 'selection') if 'classes' in stem else 'selection'
    return legend.with_name(f'{stem}.json')


def write_selection(
    path: Path, maps: Sequence[Path], segmenter: Segmenter
) -> list[str]:
    """Write the criteria by which the number of classes was chosen, if it was.

    Args:
        path: Path of the JSON file.
        maps: Finished maps.
        segmenter: Fitted estimator.

    Returns:
        What was written.
    """
    selection = getattr(segmenter, 'selection_', None)
    if selection is None:
        return []
    model = read_tags(maps[0]).get(MODEL_TAG)
    content = {'model': model, 'chosen': segmenter.n_clusters_, **selection}
    with complete_file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1), encoding='utf-8')
    return [str(path)]


#: Deviations of bands count as at most so many times that of half of the pixels.
_WIDE = 5

#: Classes that widen the contrast more than so many times are left out: those of fewer
#: pixels than a hundredth, and others.
_RARE, _FAR_RARE, _FAR = 0.01, 5, 30


def stretch(
    textures: np.ndarray, pixels: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Contrast stretch of red, green and blue that shows all usual textures.

    Args:
        textures: Textures of the classes, of shape ``(k, 3, H, W)``.
        pixels: Number of pixels of each class.

    Returns:
        Values of black and white, of shape ``(3, 1, 1)``.
    """
    counts = np.array(pixels, float)
    # Not of the scene, of which a few extreme pixels may be in any class.
    mean = textures.mean((2, 3), np.float64)
    std = textures.std((2, 3), np.float64)
    some = counts > 0
    bands = [
        _center_and_spread(counts[some], m[some], s[some])
        for m, s in zip(mean.T, std.T, strict=True)
    ]
    center, spread = np.array(bands).T
    low, high = center - 2 * spread, center + 2 * spread
    return low[:, None, None], high[:, None, None]


def _center_and_spread(
    counts: np.ndarray, mean: np.ndarray, std: np.ndarray
) -> tuple[float, float]:
    """Mean and standard deviation of a band that a few extreme pixels do not move."""
    finite = np.isfinite(mean) & np.isfinite(std)
    if not finite.any():
        return 0.0, 1.0
    counts, mean, std = counts[finite], mean[finite], std[finite]
    usual = _weighted_median(std[std > 0], counts[std > 0]) if (std > 0).any() else 0
    std = np.minimum(std, _WIDE * usual)
    order = np.argsort(abs(mean - _weighted_median(mean, counts)))
    shares = np.concatenate([[0], np.cumsum((counts / counts.sum())[order])])
    center, spread = 0.0, 0.0
    for end in range(1, len(order) + 1):
        kept = order[:end]
        middle = np.average(mean[kept], weights=counts[kept])
        square = std[kept] ** 2 + (mean[kept] - middle) ** 2
        wider = float(np.sqrt(np.average(square, weights=counts[kept])))
        far = _FAR_RARE if shares[end] - shares[end - 1] < _RARE else _FAR
        # Half of the pixels are usual, whatever they are.
        if shares[end - 1] >= 0.5 and wider > far * max(spread, usual) > 0:
            break
        center, spread = float(middle), wider
    return center, max(spread, 1e-6)


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values)
    half = np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)
    return float(values[order][min(half, len(values) - 1)])
