# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Texture mosaics: k-textures against pixel k-means where colour says nothing.

Each image is a mosaic of four stationary Gaussian textures with the same mean and the
same covariance of the bands; only correlation length and orientation differ. Methods
are fitted on some images and scored on fresh ones, by accuracy after matching.

    python -m benchmarks.mosaics --kind close --regions 24
"""

import argparse
import platform
import time
import warnings
from importlib.metadata import version

import numpy as np
import torch
from lightning.pytorch import Trainer, seed_everything
from sklearn.cluster import KMeans
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchgeo.datasets.utils import Sample

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.metrics import ClusterMatching
from torchgeo_ktextures.tasks import KTextures

from .sets.mosaics import BANDS, TEXTURES, mosaic


class Crops(Dataset[Sample]):
    """Random crops of images."""

    def __init__(self, images: Tensor, patch_size: int, length: int, seed: int) -> None:
        """Draw the places of the crops.

        Args:
            images: Images of shape ``(N, C, H, W)``.
            patch_size: Height and width of the crops in pixels.
            length: Number of crops.
            seed: Seed of the places.
        """
        rng = np.random.default_rng(seed)
        self.images, self.patch_size = images, patch_size
        limit = images.shape[-1] - patch_size + 1
        self.places = rng.integers(0, [len(images), limit, limit], (length, 3))

    def __len__(self) -> int:
        """Return the number of crops."""
        return len(self.places)

    def __getitem__(self, index: int) -> Sample:
        """Return a crop."""
        i, row, col = self.places[index].tolist()
        p = self.patch_size
        return {'image': self.images[i, :, row : row + p, col : col + p]}


def score(prediction: Tensor, target: Tensor) -> float:
    """Accuracy after matching."""
    metric = ClusterMatching(4, 4)
    metric.update(prediction, target)
    return float(metric.compute()['accuracy'])


def run(args: argparse.Namespace, seed: int) -> tuple[float, float, float]:
    """Fit and score both methods.

    Args:
        args: Command-line arguments.
        seed: Seed of images and methods.

    Returns:
        Accuracy of k-means and of k-textures, and seconds to fit the latter.
    """
    rng = np.random.default_rng(seed)
    pairs = [mosaic(rng, args.kind, 192, args.regions) for _ in range(12)]
    images, labels = (torch.stack(x) for x in zip(*pairs, strict=True))
    train, test, target = images[:8], images[8:], labels[8:]

    pixels = train.movedim(1, -1).flatten(0, 2).numpy()
    kmeans = KMeans(4, n_init=3, random_state=seed).fit(pixels[::7])
    flat = kmeans.predict(test.movedim(1, -1).flatten(0, 2).numpy())
    baseline = score(torch.from_numpy(flat).long(), target.flatten())

    seed_everything(seed, verbose=False)
    task = KTextures(
        num_classes=4,
        in_channels=BANDS,
        mask_stride=args.mask_stride,
        features=args.features,
        feature_weights=args.feature_weights,
        weights=args.weights,
        init=args.init,
        n_init=args.n_init,
        init_patches=128,
    )
    crops = Crops(train, args.patch_size, args.steps * args.batch_size, seed)
    trainer = Trainer(
        accelerator='cpu',
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        fast_dev_run=False,
        default_root_dir=args.output,
    )
    start = time.perf_counter()
    trainer.fit(task, DataLoader(crops, batch_size=args.batch_size))
    seconds = time.perf_counter() - start
    task.eval()
    with torch.inference_mode():
        prediction = task(test).argmax(1)
    return baseline, score(prediction, target), seconds


def main() -> None:
    """Run the benchmark and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--weights', help='VGG-16 state dict, or true to download')
    default = KTexturesSegmenter().features
    parser.add_argument('--features', nargs='+', default=list(default))
    parser.add_argument('--feature-weights', nargs='+', type=float)
    parser.add_argument('--kind', choices=list(TEXTURES), default='plain')
    parser.add_argument('--regions', type=int, default=12)
    parser.add_argument('--mask-stride', type=int, default=8)
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument('--steps', type=int, default=100)
    parser.add_argument('--batch-size', type=int, default=8)
    parser.add_argument('--patch-size', type=int, default=64)
    parser.add_argument('--n-init', type=int, default=1)
    parser.add_argument(
        '--init', choices=('mixture', 'kmeans', 'random'), default='mixture'
    )
    parser.add_argument('--output', default='output/mosaics')
    args = parser.parse_args()
    warnings.filterwarnings('ignore', category=UserWarning)
    names = ('torchgeo-ktextures', 'torch', 'scikit-learn')
    print(', '.join(f'{n} {version(n)}' for n in names), platform.machine())
    print(vars(args))
    print('seed  k-means  k-textures  fit seconds')
    rows = []
    for seed in args.seeds:
        rows.append(run(args, seed))
        baseline, ours, seconds = rows[-1]
        print(f'{seed:4d}  {baseline:7.3f}  {ours:10.3f}  {seconds:11.1f}', flush=True)
    mean = np.mean(rows, 0)
    print(f'mean  {mean[0]:7.3f}  {mean[1]:10.3f}  {mean[2]:11.1f}')


if __name__ == '__main__':
    main()
