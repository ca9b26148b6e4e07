# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""k-means on features: what extractors tell about labelled scenes.

Each task of each set below the folder is clustered with as many clusters as classes, on
local colour together with the features of an extractor, once per seed of the crops and of
k-means. Clusters are matched with classes one to one; see the README of this folder for
results.

    python -m benchmarks.probe --data-root DIR --weights VGG16.safetensors
"""

import argparse
from collections.abc import Sequence
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
from .sets import folder_tasks

#: Weight of each group of features, by method.
METHODS = {
    'colour': {'color': 1.0},
    'texture': {'color': 1.0, 'texture': 0.5},
    'vgg16': {'color': 1.0, 'vgg16_relu3_3': 0.5, 'vgg16_relu4_3': 0.5},
    'shipped': {
        'color': 1.0,
        'planet_stride2': 0.5,
        'planet_stride4': 0.5,
        'planet_stride8': 0.5,
    },
}


def make_extractors(
    channels: int, vgg: str, planet: str | None
) -> dict[str, list[FeatureExtractor]]:
    """Make the extractors of each method.

    Args:
        channels: Number of bands.
        vgg: Weights of VGG-16.
        planet: Weights of the light extractor, or None for those that are shipped.

    Returns:
        Extractors by method.
    """
    composites = [(0, 1, 2), (3, 0, 1)] if channels > 3 else [(0, 1, 2)]
    color = LocalColor(channels)
    return {
        'colour': [color],
        'texture': [color, TextureEnergy(channels)],
        'vgg16': [color, VGG16Features(composites, ['relu3_3', 'relu4_3'], vgg)],
        'shipped': [color, planet_features(planet or True)],
    }


def print_row(name: str, values: Sequence[float]) -> None:
    """Print a row of the table."""
    print(name.ljust(32), *(f'{v:8.4f}' for v in values), flush=True)


def main() -> None:
    """Run the probe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data-root', type=Path, required=True)
    parser.add_argument('--weights', required=True, help='VGG-16 weights, or true')
    parser.add_argument('--extractor', help='weights of the light extractor')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    args = parser.parse_args()
    for name, weights in METHODS.items():
        print(name, 'is k-means on', ', '.join(f'{w} {g}' for g, w in weights.items()))
    print('mIoU after matching'.ljust(32), *(name.rjust(8) for name in METHODS))
    results = []
    for task in folder_tasks(args.data_root):
        extractors = make_extractors(
            task.images[0].shape[0], args.weights, args.extractor
        )
        rows = []
        for seed in args.seeds:
            row = []
            for name, weights in METHODS.items():
                k = task.num_classes
                maps = cluster_features(task.images, extractors[name], weights, k, seed)
                row.append(score(task, maps, k)['miou'])
            print_row(f'{task.name}, seed {seed}', row)
            rows.append(row)
        print_row(f'{task.name}, mean', np.mean(rows, 0).tolist())
        results.append(rows)
    for i, seed in enumerate(args.seeds):
        print_row(f'mean, seed {seed}', np.mean(results, 0)[i].tolist())
    print_row('mean', np.mean(results, (0, 1)).tolist())


if __name__ == '__main__':
    main()
