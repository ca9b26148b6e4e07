# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Panels of maps: image, labels and the map of each method side by side."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from matplotlib.figure import Figure

from torchgeo_ktextures.colors import class_colors
from torchgeo_ktextures.metrics import ClusterMatching

from .maps import load_maps, map_path
from .sets import Image, Labels, Task, valid_pixels

type Picture = npt.NDArray[np.float32]


def draw_panels(
    frame: pd.DataFrame,
    maps: Path,
    tasks: Iterable[Task],
    output: Path,
    images: int = 2,
) -> Iterator[Path]:
    """Draw a picture per task from the maps of as many clusters as classes.

    Args:
        frame: Table of results.
        maps: Folder of the maps.
        tasks: Tasks of the table, and others.
        output: Folder to write to.
        images: Number of images shown, evenly spaced in the set.

    Yields:
        Pictures that were written.
    """
    frame = frame[frame['clusters'] == 'classes']
    for task in tasks:
        part = frame[(frame['dataset'] == task.dataset) & (frame['task'] == task.task)]
        if part.empty:
            continue
        found = {}
        seed = int(part['seed'].min())
        for method in part['method'].unique():
            path = map_path(maps, task.dataset, method, task.num_classes, seed)
            if path.exists():
                found[method] = load_maps(path)
        if found:
            picture = output / f'maps_{task.dataset}_{task.task}.png'
            _draw(task, found, picture, images)
            yield picture


def _draw(
    task: Task, maps: dict[str, list[Labels]], path: Path, images: int, columns: int = 8
) -> None:
    count = min(images, len(task.images))
    shown = np.linspace(0, len(task.images) - 1, count).round().astype(int)
    named = {name: name_clusters(task, found) for name, found in maps.items()}
    titles = ['image', 'labels', *(n.replace('kmeans', 'k-means') for n in maps)]
    rows = -(-len(titles) // columns)
    size = (1.8 * columns, 2 * rows * count + 0.3)
    fig = Figure(figsize=size, layout='constrained')
    axes = fig.subplots(rows * count, columns, squeeze=False)
    for ax in axes.flat:
        ax.axis('off')
    for block, i in zip(axes.reshape(count, -1), shown, strict=True):
        pictures = [true_color(task.images[i]), colored(task.masks[i], task)]
        pictures += [colored(found[i], task) for found in named.values()]
        for ax, picture, title in zip(block, pictures, titles, strict=False):
            ax.imshow(picture, interpolation='nearest')
            ax.set_title(title, fontsize=8)
    fig.suptitle(task.name, fontsize=10)
    part = path.with_suffix('.part')
    fig.savefig(part, dpi=100, format='png')
    part.rename(path)


def name_clusters(task: Task, maps: list[Labels]) -> list[Labels]:
    """Give clusters the codes of the classes they are matched with."""
    matching = ClusterMatching(task.num_classes, task.num_classes, task.ignore_index)
    for image, mask, labels in zip(task.images, task.masks, maps, strict=True):
        keep = valid_pixels(image)
        matching.update(torch.from_numpy(labels[keep]), torch.from_numpy(mask[keep]))
    names = np.append(matching.matched_classes().numpy(), task.ignore_index)
    return [names[labels] for labels in maps]


def colored(labels: Labels, task: Task) -> Picture:
    """Colour classes; what is ignored or invalid is white."""
    colors = np.array(list(class_colors(task.num_classes).values()))[:, :3] / 255
    inside = (labels >= 0) & (labels < task.num_classes)
    picture = np.ones((*labels.shape, 3), np.float32)
    picture[inside] = colors[labels[inside]]
    return picture


def true_color(image: Image) -> Picture:
    """Red, green and blue, each stretched over its 2nd to 98th percentile."""
    bands = image[:3]
    low, high = np.nanpercentile(bands, [2, 98], axis=(1, 2))[..., None, None]
    stretched = np.nan_to_num((bands - low) / np.maximum(high - low, 1e-6), nan=1)
    picture: Picture = stretched.clip(0, 1).transpose(1, 2, 0).astype(np.float32)
    return picture
