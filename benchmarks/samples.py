# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""From clusters to a supervised map: does training on named clusters pay?

Of each labelled set with several images, half of the images are clustered. A few
labelled points name the clusters, as relabel does, chips are exported, and the model of
configs/supervised.yaml is trained on them. The map of clusters, each named by the
majority of the points on it, and the map of the model are then compared with the labels
of the other half, which neither has seen.

    python -m benchmarks.samples --data-root DIR
    python -m benchmarks.samples --data-root DIR --method kmeans --tasks hls/water
    python -m benchmarks.samples --data-root DIR --train --model.lr 0.001
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.transform import from_origin
from sklearn.cluster import KMeans
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torchgeo.main import main as torchgeo

from torchgeo_ktextures.commands.export import export
from torchgeo_ktextures.maps import relabel_map

from .sets import Task, folder_tasks

_CONFIG = Path(__file__).parents[1] / 'configs' / 'supervised.yaml'

#: Grid of mosaics.
_CRS, _TRANSFORM = 'EPSG:32633', from_origin(500_000, 5_000_000, 10, 10)

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


def draw_points(
    clusters: Labels, masks: Labels, points: int, ignore_index: int, seed: int
) -> npt.NDArray[np.int64]:
    """Draw random pixels that have a cluster and a label.

    Args:
        clusters: Cluster maps.
        masks: Labels.
        points: Number of points over all images.
        ignore_index: Label of pixels that have none.
        seed: Seed.

    Returns:
        Image, row and column of each, of shape ``(points, 3)``.
    """
    usable = np.argwhere((np.array(clusters) >= 0) & (np.array(masks) != ignore_index))
    rng = np.random.default_rng(seed)
    drawn: npt.NDArray[np.int64] = rng.choice(usable, points, replace=False)
    return drawn


def name_clusters(
    found: npt.NDArray[np.int64], truth: npt.NDArray[np.int64], k: int
) -> npt.NDArray[np.int64]:
    """Class of each cluster by the majority of labelled points.

    Args:
        found: Clusters of the points.
        truth: Labels of the points.
        k: Number of clusters.

    Returns:
        Classes of shape ``(k,)``; clusters without a point get the most frequent one.
    """
    votes = np.zeros((k, int(truth.max()) + 1))
    np.add.at(votes, (found, truth), 1)
    votes += 1e-6 * votes.sum(0)
    classes: npt.NDArray[np.int64] = votes.argmax(1)
    return classes


def place_of(
    number: npt.NDArray[np.int64], shape: tuple[int, ...], count: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First row and column of images in a mosaic, with a gap of a pixel after each."""
    columns = int(np.ceil(np.sqrt(count)))
    return number // columns * (shape[0] + 1), number % columns * (shape[1] + 1)


def write_mosaic(
    path: Path, images: Sequence[npt.NDArray[Any]], fill: float, dtype: str
) -> None:
    """Write images side by side as one raster, on a grid of no particular place."""
    height, width = images[0].shape[-2:]
    bands = [x.reshape(-1, height, width) for x in images]
    rows, cols = place_of(np.arange(len(images)), (height, width), len(images))
    shape = len(bands[0]), rows.max() + height + 1, cols.max() + width + 1
    data = np.full(shape, fill, dtype)
    for image, row, col in zip(bands, rows, cols, strict=True):
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
        crs=_CRS,
        transform=_TRANSFORM,
    ) as dst:
        dst.write(data)


def miou(predictions: Labels, masks: Labels, ignore_index: int) -> float:
    """Mean IoU of the classes that occur."""
    truth = np.concatenate([m.ravel() for m in masks])
    found = np.concatenate([p.ravel() for p in predictions])
    found, truth = found[truth != ignore_index], truth[truth != ignore_index]
    ious = []
    for i in np.unique(truth):
        both = ((truth == i) & (found == i)).sum()
        ious.append(both / ((truth == i).sum() + (found == i).sum() - both))
    return float(np.mean(ious))


def supervised(
    folder: Path,
    task: Task,
    train: Images,
    clusters: Labels,
    points: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    test: Images,
    options: argparse.Namespace,
    seed: int,
) -> Labels:
    """Name clusters, export them, train on them, and predict other images.

    Args:
        folder: Folder to work in.
        task: Task.
        train: Images that were clustered.
        clusters: Clusters of their pixels, -1 where invalid.
        points: Image, row and column of the points, and their labels.
        test: Other images.
        options: Options of the command line.
        seed: Seed.

    Returns:
        Classes of the other images.
    """
    image, labels, named = (folder / f'{n}.tif' for n in ('image', 'labels', 'named'))
    write_mosaic(image, train, np.nan, 'float32')
    write_mosaic(labels, [np.where(x < 0, 255, x) for x in clusters], 255, 'uint8')
    (number, *pixel), truth = points[0].T, points[1]
    start = place_of(number, train[0].shape[1:], len(train))
    row, col = (p + s + 0.5 for p, s in zip(pixel, start, strict=True))
    x, y = _TRANSFORM @ (col, row)
    names = {'class': [str(i) for i in truth]}
    frame = gpd.GeoDataFrame(names, geometry=gpd.points_from_xy(x, y), crs=_CRS)
    frame.to_file(folder / 'points.gpkg')
    found = relabel_map(
        labels,
        None,
        named,
        points=folder / 'points.gpkg',
        min_agreement=options.min_agreement,
        min_area=options.min_area,
        majority=options.majority,
    )
    export(
        str(named),
        str(image),
        str(folder / 'samples'),
        chip_size=options.chip_size,
        test_split=0,
        points=1,
        seed=seed,
    )
    (folder / 'others').mkdir()
    for i, other in enumerate(test):
        write_mosaic(folder / 'others' / f'{i:05}.tif', [other], np.nan, 'float32')
    config = folder / 'supervised.yaml'
    text = _CONFIG.read_text().replace('output/supervised', str(folder / 'output'))
    config.write_text(text)
    args = [
        *('--config', str(config)),
        *('--config', str(folder / 'samples' / 'training.yaml')),
        *('--seed_everything', str(seed)),
        *('--data.predict_paths', str(folder / 'others')),
        *('--trainer.enable_progress_bar', 'false'),
        *options.train,
    ]
    torchgeo(['fit', *args])
    checkpoint = str(folder / 'output' / 'unet.ckpt')
    torchgeo(['predict', *args, '--ckpt_path', checkpoint])
    table = np.full(256, -1)
    table[: len(found)] = [int(c.name) for c in found]
    maps = []
    for i, other in enumerate(test):
        with rasterio.open(folder / 'output' / f'{i:05}_supervised.tif') as src:
            maps.append(table[src.read(1)[: other.shape[1], : other.shape[2]]])
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
    parser.add_argument('--min-agreement', type=float, default=0)
    parser.add_argument('--min-area', help='minimum mapping unit, such as 9px')
    parser.add_argument('--majority', type=int, help='size of the majority filter')
    parser.add_argument('--chip-size', type=int, default=64)
    parser.add_argument('--seeds', type=int, nargs='+', default=[0])
    parser.add_argument(
        '--train',
        nargs=argparse.REMAINDER,
        default=[],
        help='options of torchgeo fit, such as --model.lr 0.001; the last ones',
    )
    options = parser.parse_args()
    rows = []
    for task in folder_tasks(options.data_root):
        if len(task.images) < 2 or (options.tasks and task.name not in options.tasks):
            continue
        for seed in options.seeds:
            rows.append(compare(task, options, seed))
            print(rows[-1], flush=True)
    print(f'\nmIoU on the other images, {options.method}')
    print(f'{"task":24} seed images others  k points  clusters  supervised')
    print('\n'.join(rows))


def compare(task: Task, options: argparse.Namespace, seed: int) -> str:
    """Run a task, and tell both scores in a row of the table."""
    order = np.random.default_rng(seed).permutation(len(task.images))
    half = -(-len(order) // 2)
    train, test = order[:half], order[half:]
    images = [task.images[i] for i in train]
    others = [task.images[i] for i in test]
    masks = [task.masks[i] for i in train]
    k = options.times * task.num_classes
    cluster = {'ktextures': ktextures, 'kmeans': kmeans}[options.method]
    clusters, on_others = cluster(images, others, k, seed)
    drawn = draw_points(clusters, masks, options.points, task.ignore_index, seed)
    place = tuple(drawn.T)
    labels = np.array(masks)[place]
    classes = name_clusters(np.array(clusters)[place], labels, k)
    own = [np.where(x < 0, -1, classes[x]) for x in on_others]
    with tempfile.TemporaryDirectory() as folder:
        found = supervised(
            Path(folder), task, images, clusters, (drawn, labels), others, options, seed
        )
    truth = [task.masks[i] for i in test]
    scores = [miou(maps, truth, task.ignore_index) for maps in (own, found)]
    return (
        f'{task.name:24} {seed:4} {len(train):6} {len(test):6} {k:2} '
        f'{options.points:6} {scores[0]:9.3f} {scores[1]:11.3f}'
    )


if __name__ == '__main__':
    main()
