# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Giving the classes of a map the numbers, colours and names of those of another."""

import json
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader

from ..colors import further_color
from ..maps.cog import finish_cog
from ..maps.on_grid import on_grid, overlap
from ..maps.output import (
    WRITE_ERRORS,
    check_map_name,
    make_folder,
    scratch_file,
    write_error,
)
from ..maps.reading import (
    CLASSES_TAG,
    MODEL_TAG,
    NAMES_TAG,
    Labels,
    class_names,
    count_labels,
    map_colors,
    open_labels,
    read_part,
    told_classes,
    windows,
)
from ..maps.recoding import recode_map
from ..maps.sidecars import MapClasses
from .pairing import Pair, pair_by_overlap, pair_by_spectra
from .spectra import read_spectra, within_std

#: By what classes are compared.
type By = Literal['overlap', 'spectra']

#: Tag of a map that tells with which map it was aligned, and which classes became which.
ALIGNED_TAG = 'KTEXTURES_ALIGNED'

#: Tags that are not true of an aligned map: the order of merges is by old numbers.
_OLD = ('KTEXTURES_TREE', 'KTEXTURES_RUN', MODEL_TAG)


class AlignedClass(NamedTuple):
    """Class of a map, before and after."""

    old: int
    new: int
    #: Share of both classes together that is of both, 0 to 1, or distance of their
    #: spectra in standard deviations; None for a class without partner.
    score: float | None
    name: str
    pixels: int
    #: None for a map without georeference.
    area_ha: float | None


class Alignment(NamedTuple):
    """Which classes became which."""

    by: By
    classes: list[AlignedClass]


def align_map(
    reference: Path, labels: Path, output: Path, by: By | None = None
) -> Alignment:
    """Renumber the classes of a map to those of another one.

    Classes that are the same, by the Hungarian method, get number, colour and name of
    the other map; the others get new numbers. The new map tells that it is of the model
    of the other one: from then on, the same number means the same class.

    Args:
        reference: Map whose classes stay.
        labels: Map whose classes are renumbered.
        output: Cloud Optimized GeoTIFF to write, on the grid of *labels*.
        by: Whether the same classes are in the same places ('overlap'), or have like
            'spectra' (defaults to overlap, if there is one).

    Returns:
        Old and new numbers.

    Raises:
        OSError: If something cannot be read, or the map cannot be written.
        ValueError: If the maps are of one model, or cannot be compared.
    """
    check_map_name(output)
    if output.resolve() in {labels.resolve(), reference.resolve()}:
        raise ValueError(f'{output} would overwrite an input; choose another name')
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        like = stack.enter_context(open_labels(reference))
        src = stack.enter_context(open_labels(labels))
        model = like.tags().get(MODEL_TAG)
        if model is not None and model == src.tags().get(MODEL_TAG):
            msg = f'{reference} and {labels} are of one model: the same number means '
            raise ValueError(f'{msg}the same class already, use them as they are')
        found: By = by or _choose(like, src)
        codes, pairs = _pair(like, src, found)
        numbers = _numbers(like, codes, pairs)
        colors = _colors(like, src, numbers)
        names = _names(like, src, numbers)
        told = [[old, numbers[old], round(score, 4)] for _, old, score in pairs]
        tags = {
            ALIGNED_TAG: json.dumps({'to': reference.name, 'by': found, 'pairs': told})
        }
        tags |= {} if model is None else {MODEL_TAG: model}
        make_folder(output.parent)
        scratch = stack.enter_context(scratch_file(output, 'aligned'))
        try:
            pixels, areas = recode_map(
                *(src, scratch, *_table(src, numbers), len(names), tags),
                band_tags=_band_tags(like, src, numbers, names),
                colors={code: (*color, 255) for code, color in enumerate(colors)},
                without=_OLD,
            )
            classes = MapClasses(names, colors, pixels, areas)
            finish_cog(scratch, output, classes)
        except WRITE_ERRORS as error:
            raise write_error(output, error) from None
    scores = {old: score for _, old, score in pairs}
    return Alignment(
        found,
        [
            AlignedClass(
                *(old, new, scores.get(old), names[new], pixels[new]),
                None if areas is None else areas[new],
            )
            for old, new in numbers.items()
        ],
    )


def _choose(like: DatasetReader, src: DatasetReader) -> By:
    """Overlap, if there is one."""
    if like.crs is None and src.crs is None:
        return 'overlap' if like.shape == src.shape else 'spectra'
    placed = like.crs is not None and src.crs is not None
    return 'overlap' if placed and overlap(src, like) else 'spectra'


def _pair(
    like: DatasetReader, src: DatasetReader, by: By
) -> tuple[list[int], list[Pair]]:
    """Codes of the map, and pairs of codes of both."""
    codes = np.flatnonzero(count_labels(src)).tolist()
    if not codes:
        raise ValueError(f'{src.name} has no pixel of any class; give another map')
    if by == 'spectra':
        one, two = read_spectra(like), read_spectra(src)
        if one.bands != two.bands:
            msg = f'{like.name} has spectra of {", ".join(one.bands)}, but {src.name} '
            msg += f'of {", ".join(two.bands)}; give maps of scenes of the same bands'
            raise ValueError(msg)
        pairs = pair_by_spectra(one.mean, two.mean, within_std(one, two))
        first, second = one.codes, two.codes
    else:
        first = np.flatnonzero(count_labels(like)).tolist()
        second = codes
        pairs = pair_by_overlap(_shared(like, src, first, second))
    return codes, [Pair(first[i], second[j], score) for i, j, score in pairs]


def _shared(
    like: DatasetReader, src: DatasetReader, first: Sequence[int], second: Sequence[int]
) -> npt.NDArray[np.int64]:
    """Number of pixels of each class of a map in each class of the other."""
    places = []
    for dataset, codes in ((like, first), (src, second)):
        table = np.full(int(np.iinfo(dataset.dtypes[0]).max) + 1, -1)
        table[list(codes)] = np.arange(len(codes))
        places.append(table)
    counts = np.zeros((len(first), len(second)), np.int64)
    with on_grid(src, like) as there:
        for window in windows(like):
            i, j = (
                places[0][read_part(like, window)],
                places[1][read_part(there, window)],
            )
            both = (i >= 0) & (j >= 0)
            pairs = i[both] * len(second) + j[both]
            counts += np.bincount(pairs, minlength=counts.size).reshape(counts.shape)
    if not counts.any():
        msg = f'{src.name} and {like.name} share no pixel that has a class in both; '
        raise ValueError(f"{msg}compare them with by='spectra'")
    return counts


def _numbers(
    like: DatasetReader, codes: Sequence[int], pairs: Sequence[Pair]
) -> dict[int, int]:
    """New number by old one."""
    partner = {pair.second: pair.first for pair in pairs}
    free = len(_all_names(like))
    numbers = {}
    for code in codes:
        if code in partner:
            numbers[code] = partner[code]
        else:
            numbers[code], free = free, free + 1
    return numbers


def _all_names(src: DatasetReader) -> list[str]:
    """Names of all classes of a map, also of those that no pixel has."""
    names = class_names(src)
    count = told_classes(src) or 0
    return names + [f'class {i}' for i in range(len(names), count)]


def _colors(
    like: DatasetReader, src: DatasetReader, numbers: dict[int, int]
) -> list[tuple[int, int, int]]:
    """Colours by new number: those of the other map, and others for new classes."""
    colors = map_colors(like, range(len(_all_names(like))))
    for old, new in numbers.items():
        if new >= len(colors):
            own = map_colors(src, [old])[0]
            colors.append(own if own not in colors else further_color(colors))
    return colors


def _names(
    like: DatasetReader, src: DatasetReader, numbers: dict[int, int]
) -> list[str]:
    """Names by new number, likewise."""
    names = _all_names(like)
    given = class_names(src) if NAMES_TAG in src.tags(1) else []
    for old, new in numbers.items():
        if new >= len(names):
            own = given[old] if old < len(given) else f'class {new}'
            names.append(own if own not in names else f'class {new}')
    return names


def _table(src: DatasetReader, numbers: dict[int, int]) -> tuple[Labels, int]:
    """New code of each old one, and of nodata."""
    dtype = np.uint16 if max(numbers.values()) >= 255 else np.uint8
    nodata = int(np.iinfo(dtype).max)
    table: Labels = np.full(int(np.iinfo(src.dtypes[0]).max) + 1, nodata, dtype)
    for old, new in numbers.items():
        table[old] = new
    return table, nodata


def _band_tags(
    like: DatasetReader,
    src: DatasetReader,
    numbers: dict[int, int],
    names: Sequence[str],
) -> dict[str, str]:
    """Names, if a map has any, and spectra in the new order, if the map tells them."""
    tags = {}
    if NAMES_TAG in like.tags(1) or NAMES_TAG in src.tags(1):
        tags[NAMES_TAG] = json.dumps(names, ensure_ascii=False)
    try:
        content = json.loads(src.tags(1)[CLASSES_TAG])
        placed = all(c['area_ha'] is not None for c in content['classes'])
        none: dict[str, Any] = {'pixels': 0, 'area_ha': 0.0 if placed else None}
        classes = [none | {'mean': [], 'std': []}] * len(names)
        for old, new in numbers.items():
            classes[new] = content['classes'][old]
    except (KeyError, TypeError, ValueError, IndexError):
        return tags
    text = json.dumps({'bands': content['bands'], 'classes': classes})
    return tags | {CLASSES_TAG: text}
