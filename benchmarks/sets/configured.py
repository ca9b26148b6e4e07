# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Sets of TorchGeo, and any other dataset of samples, by a configuration in YAML.

name: potsdam3               # of the set
task: cover                  # of its only task
dataset:                     # a dataset of samples, or
class_path: torchgeo.datasets.Potsdam2D
init_args: {root: data/potsdam}
datamodule: ...              # a data module, of which the test samples are read
image: image                 # key of the image in a sample
channels: [0, 1, 2, 3]       # in the order red, green, blue, near infrared
time_step: 0                 # if images have several
scale: 255                   # values are divided by it
nodata: 0                    # pixels with it in all channels are invalid
downscale: 2                 # 2 x 2 means of the image, every second label
tile: 200                    # images are cut into tiles of this size
count: 855                   # number of tiles used, evenly spaced
classes: {name: [codes]}     # codes of the labels; others are not scored
published: [{method, accuracy, miou, source}]
"""

import argparse
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import yaml
from torch import Tensor

from .folders import folder_tasks
from .task import Image, Labels, Task

IGNORE = 255


@dataclass(frozen=True)
class SetConfig:
    """Configuration of a set; see the module for its fields."""

    name: str
    classes: dict[str, list[int]]
    channels: list[int]
    scale: float
    dataset: dict[str, Any] | None = None
    datamodule: dict[str, Any] | None = None
    task: str = 'cover'
    image: str = 'image'
    time_step: int | None = None
    nodata: float | None = None
    downscale: int = 1
    tile: int | None = None
    count: int | None = None
    published: list[dict[str, Any]] = field(default_factory=list)


def read_config(path: Path) -> SetConfig:
    """Read the configuration of a set.

    Args:
        path: YAML file.

    Returns:
        The configuration.

    Raises:
        ValueError: If fields are missing or unknown.
    """
    try:
        config = SetConfig(**yaml.safe_load(path.read_text()))
    except TypeError as error:
        raise ValueError(f'{path}: {error}') from None
    if (config.dataset is None) == (config.datamodule is None):
        raise ValueError(f'{path}: name either a dataset or a datamodule')
    return config


def configured_task(path: Path) -> Task:
    """Read the images and labels of a configured set.

    Args:
        path: YAML file.

    Returns:
        The only task of the set.

    Raises:
        FileNotFoundError: If the data is not where the configuration says.
        ValueError: If the configuration is wrong, or there is no image.
    """
    config = read_config(path)
    dataset, keys = open_set(config)
    images: list[Image] = []
    masks: list[Labels] = []
    for i, key in enumerate(keys):
        wanted = None
        if config.count is not None:
            part = [config.count * n // len(keys) for n in (i, i + 1)]
            wanted = part[1] - part[0]
        if wanted == 0:
            continue
        image, mask = prepare(dataset[key], config)
        places = tiles(mask.shape[0], mask.shape[1], config.tile)
        if wanted is not None and wanted < len(places):
            spaced = (np.arange(wanted) + 0.5) / wanted * len(places)
            places = [places[int(n)] for n in spaced]
        for rows, columns in places:
            images.append(np.ascontiguousarray(image[:, rows, columns]))
            masks.append(mask[rows, columns].astype(np.int64))
    if not images:
        msg = f'{path}: the set has no image'
        raise ValueError(msg + (f' of {config.tile} pixels' if config.tile else ''))
    return Task(config.name, config.task, images, masks, tuple(config.classes), IGNORE)


def parse_with_sets(
    parser: argparse.ArgumentParser, argv: Sequence[str] | None
) -> argparse.Namespace:
    """Parse arguments, and those that say which sets to run on.

    Args:
        parser: Parser with all other arguments.
        argv: Arguments, or None for those of the command line.

    Returns:
        Arguments, with what :func:`find_tasks` takes as ``data_root``, ``configs`` and
        ``datasets``.
    """
    parser.add_argument('--data-root', type=Path, help='folder of labelled sets')
    parser.add_argument(
        '--configs',
        type=Path,
        nargs='+',
        default=[],
        help='configurations of other sets, see configs/benchmarks',
    )
    parser.add_argument('--datasets', nargs='+', help='folders; default: all')
    args = parser.parse_args(argv)
    if not args.data_root and not args.configs:
        parser.error('there is nothing to run on: give --data-root or --configs')
    return args


def find_tasks(
    root: Path | None, configs: Sequence[Path], datasets: Collection[str] | None = None
) -> Iterator[Task]:
    """Read sets below a folder, then configured ones.

    Args:
        root: Folder of labelled sets, or None.
        configs: YAML files of other sets.
        datasets: Names of the sets below the folder to read, or None for all.

    Yields:
        The tasks.
    """
    if root is not None:
        yield from folder_tasks(root, datasets)
    for path in configs:
        yield configured_task(path)


def open_set(config: SetConfig) -> tuple[Any, Sequence[Any]]:
    """Open a set.

    Args:
        config: Its configuration.

    Returns:
        The dataset, and the keys of its samples.
    """
    if config.dataset is not None:
        dataset = _make(config.dataset)
        return dataset, range(len(dataset))
    # Normalization is a later step of data modules: samples are raw.
    datamodule = _make(config.datamodule or {})
    datamodule.setup('test')
    return datamodule.test_dataset, list(datamodule.test_sampler)


def _make(spec: dict[str, Any]) -> Any:
    module, _, name = spec['class_path'].rpartition('.')
    return getattr(import_module(module), name)(**spec.get('init_args', {}))


def prepare(sample: dict[str, Any], config: SetConfig) -> tuple[Image, Labels]:
    """Bring a sample to bands, scale, size and class codes of the configuration.

    Args:
        sample: Image and mask as tensors.
        config: The configuration.

    Returns:
        Bands of shape ``(C, H, W)``, NaN where invalid, and classes of shape
        ``(H, W)`` in 8 bits.
    """
    x: Tensor = sample[config.image].float()
    if config.time_step is not None:
        x = x[config.time_step]
    x = x[config.channels]
    if config.nodata is not None:
        x = torch.where((x == config.nodata).all(0), torch.nan, x)
    mask = sample['mask'].reshape(x.shape[-2:])
    if config.downscale > 1:
        x = F.avg_pool2d(x, config.downscale)
        mask = mask[:: config.downscale, :: config.downscale]
        mask = mask[: x.shape[-2], : x.shape[-1]]
    classes = torch.full_like(mask, IGNORE, dtype=torch.uint8)
    for i, codes in enumerate(config.classes.values()):
        classes[torch.isin(mask, torch.tensor(codes, dtype=mask.dtype))] = i
    return (x / config.scale).numpy(), classes.numpy()


def tiles(height: int, width: int, size: int | None) -> Sequence[tuple[slice, slice]]:
    """Cut an area into whole tiles; what remains at the right and below is left out."""
    if size is None:
        return [(slice(None), slice(None))]
    return [
        (slice(row, row + size), slice(column, column + size))
        for row in range(0, height - size + 1, size)
        for column in range(0, width - size + 1, size)
    ]
