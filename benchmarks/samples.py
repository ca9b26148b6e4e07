# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""From clusters to a supervised map: does training on named clusters pay?

Of each labelled set with several images, half of the images are clustered. Clusters are
named by the majority of a few labelled points, exported as chips, and a U-Net is
trained on them. Both the cluster map and the map of the U-Net are then compared with
the labels of the other half, which neither has seen.

    python -m benchmarks.samples --data-root DIR
    python -m benchmarks.samples --data-root DIR --method kmeans --tasks hls/water
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.transform import from_origin
from sklearn.cluster import KMeans
from sklearn.metrics import jaccard_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torchgeo.main import main as torchgeo

from torchgeo_ktextures.colors import class_colors
from torchgeo_ktextures.commands.export import export
from torchgeo_ktextures.maps import ClassEntry, relabel_map

from .sets import Task, folder_tasks

_CONFIG = Path(__file__).parents[1] / 'configs' / 'supervised.yaml'

#: Pixels that k-means is fitted on at most.
_PIXELS = 300_000

type Images = Sequence[npt.NDArray[np.float32]]
type Labels = list[npt.NDArray[np.int64]]


def kmeans(train: Images, test: Images, k: int, seed: int) -> tuple[Labels, Labels]:
    """Cluster standardized pixels.

    Args:
        train: Images to fit on.
        test: Other images.
        k: Number of clusters.
        seed: Seed.

    Returns:
        Clusters of both, -1 where invalid.
    """
    pixels = np.concatenate([x.reshape(len(x), -1).T for x in train])
    pixels = pixels[np.isfinite(pixels).all(1)]
    some = np.random.default_rng(seed).permutation(len(pixels))[:_PIXELS]
    model = make_pipeline(StandardScaler(), KMeans(k, n_init=4, random_state=seed))
    model.fit(pixels[some])

    def predict(image: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
        flat = image.reshape(len(image), -1).T
        valid = np.isfinite(flat).all(1)
        labels = np.full(len(flat), -1)
        labels[valid] = model.predict(flat[valid])
        return labels.reshape(image.shape[1:])

    return [predict(x) for x in train], [predict(x) for x in test]


def ktextures(train: Images, test: Images, k: int, seed: int) -> tuple[Labels, Labels]:
    """Cluster by k-textures with its defaults; see :func:`kmeans`."""
    from torchgeo_ktextures import KTexturesSegmenter

    model = KTexturesSegmenter(n_clusters=k, random_state=seed).fit(list(train))
    return list(model.predict(list(train))), list(model.predict(list(test)))


def name_clusters(
    clusters: Labels, masks: Labels, k: int, points: int, ignore_index: int, seed: int
) -> npt.NDArray[np.int64]:
    """Class of each cluster by the majority of random labelled points.

    Args:
        clusters: Cluster maps.
        masks: Labels.
        k: Number of clusters.
        points: Number of points over all images.
        ignore_index: Label of pixels that have none.
        seed: Seed.

    Returns:
        Classes of shape ``(k,)``; clusters without a point get the most frequent one.
    """
    found = np.concatenate([c.ravel() for c in clusters])
    truth = np.concatenate([m.ravel() for m in masks])
    usable = np.flatnonzero((found >= 0) & (truth != ignore_index))
    drawn = np.random.default_rng(seed).choice(usable, points, replace=False)
    votes = np.zeros((k, int(truth[usable].max()) + 1))
    np.add.at(votes, (found[drawn], truth[drawn]), 1)
    votes += 1e-6 * votes.sum(0)
    classes: npt.NDArray[np.int64] = votes.argmax(1)
    return classes


def write_mosaic(
    path: Path, images: Sequence[npt.NDArray[Any]], fill: float, dtype: str
) -> None:
    """Write images side by side as one raster, on a grid of no particular place."""
    height, width = images[0].shape[-2:]
    columns = int(np.ceil(np.sqrt(len(images))))
    rows = -(-len(images) // columns)
    bands = [x.reshape(-1, height, width) for x in images]
    data = np.full((len(bands[0]), rows * height, columns * width), fill, dtype)
    for i, image in enumerate(bands):
        row, col = i // columns * height, i % columns * width
        data[:, row : row + height, col : col + width] = image
    with rasterio.open(
        path,
        'w',
        driver='GTiff',
        count=len(data),
        height=data.shape[1],
        width=data.shape[2],
        dtype=dtype,
        nodata=fill,
        crs='EPSG:32633',
        transform=from_origin(500_000, 5_000_000, 10, 10),
    ) as dst:
        dst.write(data)


def miou(predictions: Labels, masks: Labels, ignore_index: int) -> float:
    """Mean IoU of the classes that occur."""
    truth = np.concatenate([m.ravel() for m in masks])
    found = np.concatenate([p.ravel() for p in predictions])
    keep = truth != ignore_index
    present = np.unique(truth[keep])
    return float(
        jaccard_score(truth[keep], found[keep], labels=present, average='macro')
    )


def supervised(
    folder: Path, task: Task, train: Images, named: Labels, test: Images, options: Any
) -> Labels:
    """Export named clusters, train on them, and predict other images.

    Args:
        folder: Folder to work in.
        task: Task.
        train: Images that were clustered.
        named: Classes of their pixels by cluster, -1 where invalid.
        test: Other images.
        options: Options of the command line.

    Returns:
        Classes of the other images.
    """
    image, labels, clean = (folder / f'{n}.tif' for n in ('image', 'labels', 'named'))
    write_mosaic(image, train, np.nan, 'float32')
    write_mosaic(labels, [np.where(x < 0, 255, x) for x in named], 255, 'uint8')
    present = np.unique(np.concatenate([x[x >= 0] for x in named]))
    entries = [
        ClassEntry(int(i), class_colors(task.num_classes)[int(i)][:3], name=str(i))
        for i in present
    ]
    relabel_map(
        labels, entries, clean, min_area=options.min_area, majority=options.majority
    )
    export(
        str(clean),
        str(image),
        str(folder / 'samples'),
        chip_size=options.chip_size,
        block_size=min(train[0].shape[1:]),
        test_split=0,
        points=1,
        seed=options.seed,
    )
    (folder / 'others').mkdir()
    for i, x in enumerate(test):
        write_mosaic(folder / 'others' / f'{i:05}.tif', [x], np.nan, 'float32')
    config = folder / 'supervised.yaml'
    text = _CONFIG.read_text().replace('output/supervised', str(folder / 'output'))
    config.write_text(text)
    args = [
        *('--config', str(config)),
        *('--seed_everything', str(options.seed)),
        *('--data.root', str(folder / 'samples' / 'chips')),
        *('--data.predict_paths', str(folder / 'others')),
        *('--model.num_classes', str(len(entries))),
        *('--model.in_channels', str(len(train[0]))),
        *('--model.lr', str(options.lr)),
        *('--trainer.max_epochs', str(options.epochs)),
        *('--trainer.enable_progress_bar', 'false'),
    ]
    torchgeo(['fit', *args])
    checkpoint = str(folder / 'output' / 'unet.ckpt')
    torchgeo(['predict', *args, '--ckpt_path', checkpoint])
    maps = []
    for i in range(len(test)):
        with rasterio.open(folder / 'output' / f'{i:05}_supervised.tif') as src:
            codes = src.read(1)
        found = np.full(codes.shape, -1)
        found[codes != 255] = present[codes[codes != 255]]
        maps.append(found)
    return maps


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data-root', type=Path, required=True)
    parser.add_argument(
        '--method', choices=['ktextures', 'kmeans'], default='ktextures'
    )
    parser.add_argument('--tasks', nargs='+', help='such as hls/water')
    parser.add_argument('--points', type=int, default=300)
    parser.add_argument('--times', type=int, default=3, help='clusters per class')
    parser.add_argument('--min-area', help='minimum mapping unit, such as 9px')
    parser.add_argument('--majority', type=int, help='size of the majority filter')
    parser.add_argument('--chip-size', type=int, default=64)
    parser.add_argument('--epochs', type=int, default=24)
    parser.add_argument('--lr', type=float, default=0.0003)
    parser.add_argument('--seed', type=int, default=0)
    options = parser.parse_args()
    cluster = {'ktextures': ktextures, 'kmeans': kmeans}[options.method]
    rows = []
    for task in folder_tasks(options.data_root):
        if len(task.images) < 2 or (options.tasks and task.name not in options.tasks):
            continue
        order = np.random.default_rng(options.seed).permutation(len(task.images))
        half = -(-len(order) // 2)
        train, test = order[:half], order[half:]
        images = [task.images[i] for i in train]
        others = [task.images[i] for i in test]
        k = options.times * task.num_classes
        clusters, on_others = cluster(images, others, k, options.seed)
        classes = name_clusters(
            clusters,
            [task.masks[i] for i in train],
            k,
            options.points,
            task.ignore_index,
            options.seed,
        )
        named, own = (
            [np.where(x < 0, -1, classes[x]) for x in maps]
            for maps in (clusters, on_others)
        )
        with tempfile.TemporaryDirectory() as folder:
            found = supervised(Path(folder), task, images, named, others, options)
        truth = [task.masks[i] for i in test]
        row = [miou(maps, truth, task.ignore_index) for maps in (own, found)]
        rows.append(
            f'{task.name:24} {len(train):6} {len(test):6} {k:2} {options.points:6} '
            f'{row[0]:9.3f} {row[1]:11.3f}'
        )
        print(rows[-1], flush=True)
    print(f'\nmIoU on the other images, {options.method}')
    print(f'{"task":24} images others  k points  clusters  supervised')
    print('\n'.join(rows))


if __name__ == '__main__':
    main()
