# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""How much textures look like the pixels of their classes.

For each scene and class, features of an extractor are compared between the texture and
the interior of the class: the squared difference of means plus that of standard
deviations (the Frechet distance of Gaussians without correlations, as in Heusel et al.
2017, arXiv:1706.08500), in units of the variance of the feature over the scene, the mean
over features and classes. Compared are mean colours, what the generators learn when they
are trained in full, and the textures that a fit ends with. The floor is that of the upper
against the lower half of the scene.

    python -m benchmarks.textures SCENE.tif [...] --weights VGG16.safetensors
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import numpy as np
import rasterio
import torch
from torch import Tensor

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.models import (
    FeatureExtractor,
    KTexturesModel,
    VGG16Features,
    planet_features,
)
from torchgeo_ktextures.models.random_textures import interior

from .report import markdown

#: Half a window of features that must lie in the class, in pixels.
_RIM = 3


def read(path: Path) -> Tensor:
    """Read the first four bands of a scene, NaN where invalid, ``(1, C, H, W)``."""
    with rasterio.open(path) as src:
        bands = src.read(list(range(1, min(src.count, 4) + 1)), masked=True)
    return torch.from_numpy(bands.astype(np.float32).filled(np.nan))[None]


def moments(features: Tensor, labels: Tensor, num_classes: int) -> list[Tensor | None]:
    """Mean and standard deviation of features in each class.

    Args:
        features: Features of shape ``(F, h, w)``.
        labels: Class of each pixel, -1 for none, of shape ``(H, W)``.
        num_classes: Number of classes, k.

    Returns:
        Both, of shape ``(2, F)``, for each class, or None where it has no pixels.
    """
    stride = labels.shape[0] // features.shape[1]
    cells = labels[stride // 2 :: stride, stride // 2 :: stride]
    cells = cells[: features.shape[1], : features.shape[2]]
    found: list[Tensor | None] = []
    for i in range(num_classes):
        vectors = features[:, : len(cells), : cells.shape[1]][:, cells == i]
        enough = vectors.shape[1] > 1
        both = torch.stack([vectors.mean(1), vectors.std(1)]) if enough else None
        found.append(both)
    return found


def distance(
    first: Sequence[Tensor | None], second: Sequence[Tensor | None], variance: Tensor
) -> float:
    """Mean distance of the moments of classes.

    Args:
        first: Moments of each class, from :func:`moments`.
        second: Those that they are compared with.
        variance: Variance of the features over the scene, of shape ``(F,)``.

    Returns:
        Mean over the classes that both have.
    """
    pairs = [(a, b) for a, b in zip(first, second, strict=True)]
    values = [
        float(((a - b).square().sum(0) / variance).mean())
        for a, b in pairs
        if a is not None and b is not None
    ]
    return float(np.mean(values)) if values else float('nan')


@torch.inference_mode()
def compare(
    model: KTexturesModel,
    image: Tensor,
    textures: dict[str, Tensor],
    extractor: FeatureExtractor,
) -> dict[str, float]:
    """Compare textures with the classes of a scene.

    Args:
        model: Fitted model, which makes the classes.
        image: Bands of shape ``(1, C, H, W)``.
        textures: Normalized textures of shape ``(k, C, h, w)`` by name.
        extractor: What compares them.

    Returns:
        Distance of each, and of one half of the scene to the other.
    """
    valid = image.isfinite().all(1, keepdim=True).float()
    x = model.prepare(image.nan_to_num(), valid)
    labels = interior(model(image.nan_to_num(), valid).argmax(1), _RIM)[0]
    labels = labels.masked_fill(valid[0, 0] <= 0, -1)
    half = len(labels) // 2
    k = model.num_classes
    sums: dict[str, list[float]] = {name: [] for name in (*textures, 'floor')}
    for name, (features,) in extractor(x).items():
        real = moments(features, labels, k)
        variance = features.flatten(1).var(1).clamp(min=1e-6)
        for what, drawn in textures.items():
            maps = extractor(drawn)[name]
            own = [torch.stack([f.mean((1, 2)), f.std((1, 2))]) for f in maps]
            sums[what].append(distance(own, real, variance))
        upper, lower = (
            moments(features, labels.index_fill(0, torch.arange(*rows), -1), k)
            for rows in ((half, len(labels)), (0, half))
        )
        sums['floor'].append(distance(upper, lower, variance))
    return {name: float(np.mean(values)) for name, values in sums.items()}


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table.

    Args:
        argv: Arguments, or None for those of the command line.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('scenes', type=Path, nargs='+')
    parser.add_argument('--n-clusters', type=int, default=6)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--weights', help='file of the weights of VGG-16')
    args = parser.parse_args(argv)
    extractors: dict[str, FeatureExtractor] = {'shipped': planet_features(True)}
    if args.weights:
        extractors['VGG-16'] = VGG16Features([(0, 1, 2)], ['relu3_3'], args.weights)
    share = 'torchgeo_ktextures.clustering.color_prior.ColorPrior.texture_share'
    rows = []
    for scene in args.scenes:
        segmenter = KTexturesSegmenter(args.n_clusters, random_state=args.seed)
        image = read(scene)
        model = segmenter.fit_model(image[0].numpy()).task_.eval().model
        noise = torch.Generator().manual_seed(0)
        drawn = {'final': model.draw_textures((64, 64), noise)}
        colors = model.textures.mean[..., None, None].expand(-1, -1, 64, 64)
        with mock.patch(share, return_value=1.0):
            segmenter.fit_model(image[0].numpy())
        trained = segmenter.task_.eval().model
        with torch.inference_mode():
            learned = trained.generators(1, (64, 64), noise)[0]
        for name, extractor in extractors.items():
            found = compare(model, image, drawn | {'colors': colors}, extractor)
            found['learned'] = compare(trained, image, {'learned': learned}, extractor)[
                'learned'
            ]
            order = ('colors', 'learned', 'final', 'floor')
            values = [f'{found[what]:.2f}' for what in order]
            rows.append([scene.stem, name, *values])
    head = ['scene', 'extractor', 'mean colours', 'learned', 'final', 'floor']
    print(markdown(head, rows))


if __name__ == '__main__':
    main()
