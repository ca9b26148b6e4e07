# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Chips of a scene and of its map, to train on."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.io import DatasetReader
from rasterio.windows import Window

from ..sources import source_name
from .blocks import SPLITS, Blocks
from .crs import check_crs
from .metadata import METADATA, Statistics, write_metadata
from .output import complete_file
from .reading import NAMES_TAG, class_color, nodata_of, read_part
from .scenes import Scene


def write_chips(
    src: DatasetReader,
    names: Sequence[str],
    scene: Scene,
    output: Path,
    blocks: Blocks,
    *,
    chip_size: int = 64,
    max_chips: int = 1000,
    min_labelled: float = 0.1,
    scale: float = 1,
    seed: int = 0,
) -> dict[str, int]:
    """Write chips of a scene and masks of the same names as pairs of GeoTIFFs.

    ``SPLIT/images/NAME.tif`` holds the bands as they are in the scene, and
    ``SPLIT/masks/NAME.tif`` the codes of the classes, nodata where there is none; both
    are datasets for TorchGeo's ``RasterDataset``. ``metadata.yaml`` says what they
    hold. A chip lies in one block, so that splits share no pixel. If there are more
    chips than are asked for, those for training are chosen such that classes are
    balanced, the others at random.

    Args:
        src: Open map.
        names: Names of its classes in the order of their codes.
        scene: Scene on the same grid.
        output: Folder to write; an earlier one of chips is replaced.
        blocks: Split of the map.
        chip_size: Height and width of chips in pixels.
        max_chips: Largest number of chips for training; those for validation and
            testing are limited in proportion.
        min_labelled: Smallest share of pixels with a class in a chip.
        scale: Digital numbers are to be divided by this.
        seed: Seed of the choice.

    Returns:
        Number of chips by split.

    Raises:
        FileExistsError: If *output* exists and holds something else.
        OSError: If a file cannot be written.
        ValueError: If a split is empty.
    """
    if output.exists() and not (output / METADATA).is_file():
        msg = f'{output} exists and does not hold chips ({METADATA} is missing); '
        raise FileExistsError(f'{msg}choose another folder, or remove it')
    check_crs(src.crs, src.name)
    chosen, counted = _choose(
        src, len(names), scene, blocks, chip_size, max_chips, min_labelled, seed
    )
    with complete_file(output) as temporary:
        statistics = Statistics(len(scene.indexes))
        for split, chips in chosen.items():
            for kind in ('images', 'masks'):
                (temporary / split / kind).mkdir(parents=True)
            for window in chips:
                data, valid = _write_pair(temporary / split, src, scene, window, names)
                if split == 'train':
                    statistics.add(scene.in_units(data[:, valid], scale))
        content = {
            'classes': list(names),
            'colors': [list(class_color(src, i)) for i in range(len(names))],
            'bands': list(scene.names),
            'scale': scale,
            'ignore_scale': scene.ignore_scale,
            'ignore_index': nodata_of(src),
            'nodata': scene.nodata,
            'chip_size': chip_size,
            'crs': src.crs.to_string(),
            'gsd': [float(abs(r)) for r in src.res],
            'statistics': statistics.content(),
            'splits': {
                split: {
                    'chips': len(chips),
                    'blocks': len(blocks.windows(SPLITS.index(split))),
                    'pixels': dict(zip(names, counted[split], strict=True)),
                }
                for split, chips in chosen.items()
            },
            'source': {
                'image': source_name(scene.src),
                'labels': src.name,
                'seed': seed,
            },
        }
        write_metadata(temporary, content)
        if output.exists():
            shutil.rmtree(output)
    return {split: len(chips) for split, chips in chosen.items()}


def _starts(first: int, length: int, size: int) -> list[int]:
    """Even places of chips in a block: as many as fill it best."""
    count = max(1, round(length / size))
    return [int(s) for s in np.linspace(first, first + length - size, count).round()]


def _choose(
    src: DatasetReader,
    num_classes: int,
    scene: Scene,
    blocks: Blocks,
    size: int,
    max_chips: int,
    min_labelled: float,
    seed: int,
) -> tuple[dict[str, list[Window]], dict[str, list[int]]]:
    """Windows of chips and numbers of pixels of each class, by split."""
    rng = np.random.default_rng(seed)
    blocks_in_train = max(len(blocks.windows(0)), 1)
    chosen, counted = {}, {}
    for number, split in enumerate(SPLITS):
        held = blocks.windows(number)
        if not held:
            continue
        chips, found = [], []
        for block in held:
            for row in _starts(block.row_off, block.height, size):
                for col in _starts(block.col_off, block.width, size):
                    window = Window(col, row, size, size)
                    labels = read_part(src, window)
                    inside = labels[(labels < num_classes) & scene.read(window)[1]]
                    if len(inside) >= max(min_labelled * size**2, 1):
                        chips.append(window)
                        found.append(np.bincount(inside, minlength=num_classes))
        if not chips:
            msg = f'the {split} split is empty: in none of its {len(held)} blocks a '
            msg += f'chip of {size} pixels has a class in {min_labelled:.0%} of them; '
            raise ValueError(f'{msg}lower min_labelled or chip_size, or change seed')
        counts = np.array(found)
        limit = max(1, round(max_chips * len(held) / blocks_in_train))
        if split == 'train':
            keep = balanced(counts, limit, rng)
        else:
            keep = sorted(rng.permutation(len(chips))[:limit].tolist())
        chosen[split] = [chips[i] for i in keep]
        counted[split] = [int(n) for n in counts[keep].sum(0)]
    return chosen, counted


def balanced(
    counts: npt.NDArray[np.integer], limit: int, rng: np.random.Generator
) -> list[int]:
    """Choose chips such that classes have numbers of pixels as equal as possible.

    Chips are added one by one: the one with the most pixels of the class that has the
    fewest so far.

    Args:
        counts: Pixels of each class in each chip, of shape ``(chips, classes)``.
        limit: Number of chips to choose at most.
        rng: Random numbers, for chips that are alike.

    Returns:
        Numbers of the chosen chips, in order.
    """
    if len(counts) <= limit:
        return list(range(len(counts)))
    order = rng.permutation(len(counts))
    left = counts[order].astype(np.int64)
    total = np.zeros(counts.shape[1], np.int64)
    chosen = []
    for _ in range(limit):
        # Classes that no chip is left of are complete.
        wanted = np.where(left.any(0), total, np.iinfo(np.int64).max).argmin()
        best = int(left[:, wanted].argmax())
        total += left[best]
        left[best] = 0
        chosen.append(best)
    return sorted(int(order[i]) for i in set(chosen))


def _write_pair(
    folder: Path,
    src: DatasetReader,
    scene: Scene,
    window: Window,
    names: Sequence[str],
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    data, valid = scene.read(window)
    labels = read_part(src, window).copy()
    labels[~valid | (labels >= len(names))] = nodata_of(src)
    if scene.nodata is not None:
        data[:, ~valid] = scene.nodata
    name = f'{Path(src.name).stem}_{window.row_off:05}_{window.col_off:05}.tif'
    profile = {
        'driver': 'GTiff',
        'height': window.height,
        'width': window.width,
        'crs': src.crs,
        'transform': src.window_transform(window),
        'compress': 'deflate',
    }
    with rasterio.open(
        folder / 'images' / name,
        'w',
        count=len(data),
        dtype=data.dtype,
        nodata=scene.nodata,
        **profile,
    ) as dst:
        dst.write(data)
        dst.descriptions = tuple(scene.names)
        dst.scales, dst.offsets = scene.scales, scene.offsets
    with rasterio.open(
        folder / 'masks' / name,
        'w',
        count=1,
        dtype=labels.dtype,
        nodata=nodata_of(src),
        **profile,
    ) as dst:
        dst.write(labels, 1)
        colors = {i: (*class_color(src, i), 255) for i in range(len(names))}
        dst.write_colormap(1, colors)
        dst.update_tags(1, **{NAMES_TAG: src.tags(1).get(NAMES_TAG, '[]')})
    return data, valid
