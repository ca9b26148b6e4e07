# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""k-means on features: what extractors tell about labelled scenes.

Each task of each set below the folder is clustered once with as many clusters as
classes, on local colour together with the features of an extractor. Clusters are matched
with classes one to one; see the README of this folder for results.

    python -m benchmarks.probe --data-root DIR --weights VGG16.safetensors
"""

import argparse
from pathlib import Path

import numpy as np

from torchgeo_ktextures.models import (
    FeatureExtractor,
    LocalColor,
    TextureEnergy,
    VGG16Features,
    planet_features,
)

from .methods.deep_features import cluster_features
from .scores import score
from .sets import Task, folder_tasks


def probe(
    task: Task,
    extractors: list[FeatureExtractor],
    weights: dict[str, float],
    stride: int,
    seed: int,
) -> float:
    """Cluster the features of a task; mean IoU after matching."""
    k = task.num_classes
    maps = cluster_features(task.images, extractors, weights, k, stride, seed)
    return score(task, maps, k)['miou']


def main() -> None:
    """Run the probe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data-root', type=Path, required=True)
    parser.add_argument('--weights', required=True, help='VGG-16 weights, or true')
    parser.add_argument('--extractor', help='weights of the light extractor')
    parser.add_argument('--stride', type=int, default=4)
    parser.add_argument('--seeds', type=int, nargs='+', default=[0])
    args = parser.parse_args()
    planet = {'planet_stride4': 0.5, 'planet_stride8': 0.5}
    vgg = {'vgg16_relu3_3': 0.5, 'vgg16_relu4_3': 0.5}
    print(
        f'{"mIoU after matching":24} {"colour":>8} {"texture":>8} {"vgg16":>8} planet'
    )
    rows = []
    for task in folder_tasks(args.data_root):
        channels = task.images[0].shape[0]
        composites = [(0, 1, 2), (3, 0, 1)] if channels > 3 else [(0, 1, 2)]
        color = LocalColor(channels)
        methods: list[tuple[list[FeatureExtractor], dict[str, float]]] = [
            ([color], {}),
            ([color, TextureEnergy(channels)], {'texture': 0.5}),
            (
                [
                    color,
                    VGG16Features(composites, ['relu3_3', 'relu4_3'], args.weights),
                ],
                vgg,
            ),
            ([color, planet_features(args.extractor or True)], planet),
        ]
        row = []
        for extractors, weights in methods:
            scores = [
                probe(task, extractors, {'color': 1.0} | weights, args.stride, seed)
                for seed in args.seeds
            ]
            row.append(float(np.mean(scores)))
        rows.append(row)
        print(f'{task.name:24} ' + ' '.join(f'{v:8.3f}' for v in row), flush=True)
    print(f'{"mean":24} ' + ' '.join(f'{v:8.3f}' for v in np.mean(rows, 0)))


if __name__ == '__main__':
    main()
