# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Prediction of a large scene, end to end: read, segment, write.

One process per method, one after the other, on the same scene of 4096 x 4096 pixels and
four bands of 16 bits, made of the shipped one: mini-batches of pixels through the k-means
of scikit-learn, k-textures, and a U-Net (segmentation-models-pytorch, resnet18) under the
same tiling. Imports and fitting are not timed. Every map is a Cloud Optimized GeoTIFF.

    python -m benchmarks.throughput
"""

import argparse
import json
import multiprocessing as mp
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import torch
from lightning.pytorch import LightningModule
from rasterio.windows import Window
from scipy.ndimage import gaussian_filter
from sklearn.cluster import KMeans
from torch import Tensor
from torchgeo.datasets.utils import Sample

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.callbacks import GeoTIFFWriter
from torchgeo_ktextures.datamodules import RasterDataModule
from torchgeo_ktextures.datasets import Olinda
from torchgeo_ktextures.inference import margin_of, predict_tiles
from torchgeo_ktextures.maps import finish_cog
from torchgeo_ktextures.models import MaskNetwork

from .memory import peak_memory, reset_peak_memory

_CLASSES = 8
_BANDS = ('red', 'green', 'blue', 'nir')


def make_scene(path: Path, size: int) -> None:
    """Write a large scene: the shipped one, mirrored side by side, with some noise."""
    rng = np.random.default_rng(0)
    with rasterio.open(Olinda.path) as src:
        data, profile = src.read(), src.profile
    rows, cols = (-(-size // n) for n in data.shape[1:])
    whole = np.concatenate(
        [
            np.concatenate(
                [data[:, :: 1 - i % 2 * 2, :: 1 - j % 2 * 2] for j in range(cols)], 2
            )
            for i in range(rows)
        ],
        1,
    )[:, :size, :size]
    light = 1 + 4 * gaussian_filter(rng.normal(size=(size, size)), 40)
    noise = rng.normal(0, 20, whole.shape)
    pixels = (whole * 40.0 * light + noise).clip(1, 65535).astype(np.uint16)
    profile |= {
        'height': size,
        'width': size,
        'dtype': 'uint16',
        'tiled': True,
        'blockxsize': 512,
        'blockysize': 512,
        'compress': 'deflate',
        'nodata': 0,
        'photometric': 'minisblack',
    }
    with rasterio.open(path, 'w', **profile) as dst:
        dst.write(pixels)
        dst.descriptions = _BANDS


def kmeans(scene: Path, output: Path) -> Callable[[], None]:
    """k-means on standardized pixels, by windows."""
    with rasterio.open(scene) as src:
        sample = src.read(out_shape=(4, 256, 256)).reshape(4, -1).T.astype(np.float32)
    mean, std = sample.mean(0), sample.std(0)
    model = KMeans(_CLASSES, n_init=1, random_state=0).fit((sample - mean) / std)

    def run() -> None:
        temporary = output.with_suffix('.tiled.tif')
        with rasterio.open(scene) as src:
            profile = src.profile | {'count': 1, 'dtype': 'uint8', 'nodata': 255}
            with rasterio.open(temporary, 'w', **profile) as dst:
                for row in range(0, src.height, 512):
                    window = Window(0, row, src.width, min(512, src.height - row))
                    pixels = src.read(window=window)
                    flat = pixels.reshape(4, -1).T.astype(np.float32)
                    labels = model.predict((flat - mean) / std).astype(np.uint8)
                    labels[(flat == 0).all(1)] = 255
                    dst.write(labels.reshape(pixels.shape[1:]), 1, window=window)
        finish_cog(temporary, output)

    return run


class Network(LightningModule):
    """A U-Net with random weights: what it costs does not depend on them."""

    def __init__(self) -> None:
        """Initialize a new Network instance."""
        super().__init__()
        import segmentation_models_pytorch as smp

        self.save_hyperparameters({'num_classes': _CLASSES})
        self.network = smp.Unet(
            'resnet18', encoder_weights=None, in_channels=4, classes=_CLASSES
        )

    def predict_step(self, batch: Sample, batch_idx: int) -> dict[str, Tensor]:
        """Compute the class of each pixel."""
        image = batch['image'] / 3000
        pad = (0, -image.shape[-1] % 32, 0, -image.shape[-2] % 32)
        logits = self.network(torch.nn.functional.pad(image, pad))
        labels = logits[..., : image.shape[-2], : image.shape[-1]].argmax(1)
        return {'labels': labels.masked_fill(batch['mask_valid'][:, 0] == 0, -1)}


def _predict(task: LightningModule, scene: Path, output: Path, margin: int) -> None:
    data = RasterDataModule([str(scene)], bands=_BANDS, margin=margin)
    predict_tiles(task, data, GeoTIFFWriter(str(output.parent)))


def unet(scene: Path, output: Path) -> Callable[[], None]:
    """A U-Net under our tiling."""
    task = Network()
    margin = margin_of(MaskNetwork(4, _CLASSES, 8).context)
    return lambda: _predict(task, scene, output, margin)


def ktextures(scene: Path, output: Path, stride: int) -> Callable[[], None]:
    """k-textures, fitted by another process."""
    segmenter = KTexturesSegmenter.load(scene.with_name(f'{stride}.ckpt'))
    margin = margin_of(segmenter.task_.context)
    return lambda: _predict(segmenter.task_, scene, output, margin)


def fit(scene: Path, stride: int) -> None:
    """Fit shortly, which is enough for a map of regions."""
    segmenter = KTexturesSegmenter(
        _CLASSES, mask_stride=stride, max_steps=30, random_state=0
    )
    segmenter.fit_model([str(scene)])
    segmenter.save(scene.with_name(f'{stride}.ckpt'))


METHODS: dict[str, Callable[[Path, Path], Callable[[], None]]] = {
    'k-means': kmeans,
    'k-textures, mask_stride 8': lambda s, o: ktextures(s, o, 8),
    'k-textures, mask_stride 2': lambda s, o: ktextures(s, o, 2),
    'U-Net resnet18': unet,
}


def measure(name: str, scene: Path, folder: Path, repeats: int, queue: Any) -> None:
    """Run a method and put its figures into a queue."""
    output = folder / 'map.tif'
    run = METHODS[name](scene, output)
    before = reset_peak_memory()
    walls: list[float] = []
    for _ in range(repeats):
        for path in folder.iterdir():
            path.unlink()
        start = time.perf_counter()
        run()
        walls.append(time.perf_counter() - start)
    peak = peak_memory()
    queue.put({'wall': min(walls), 'peak': peak / 1024, 'before': before / 1024})


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--size', type=int, default=4096)
    parser.add_argument('--repeats', type=int, default=2)
    parser.add_argument('--methods', nargs='+', choices=METHODS, default=list(METHODS))
    args = parser.parse_args()
    # As in the command: GDAL would keep up to a twentieth of the memory.
    os.environ.setdefault('GDAL_CACHEMAX', '128')
    rows: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        scene = root / 'scene.tif'
        make_scene(scene, args.size)
        folder = root / 'maps'
        folder.mkdir()
        context = mp.get_context('spawn')
        for method in args.methods:
            if method.startswith('k-textures'):
                fitting = context.Process(target=fit, args=(scene, int(method[-1])))
                fitting.start()
                fitting.join()
                if fitting.exitcode:
                    raise RuntimeError(f'fitting {method} failed, see above')
            queue = context.Queue()
            process = context.Process(
                target=measure, args=(method, scene, folder, args.repeats, queue)
            )
            process.start()
            process.join()
            if process.exitcode:
                raise RuntimeError(f'{method} failed, see above')
            rows[method] = queue.get()
            print(json.dumps({method: rows[method]}), flush=True)
    print(f'\n{args.size} x {args.size} pixels, {os.cpu_count()} cores')
    print('| method | wall (s) | x k-means | x faster than U-Net | peak memory (MiB) |')
    print('|---|---|---|---|---|')
    first = rows.get('k-means', {}).get('wall', np.nan)
    last = rows.get('U-Net resnet18', {}).get('wall', np.nan)
    for method, row in rows.items():
        wall = row['wall']
        print(
            f'| {method} | {wall:.1f} | {wall / first:.2f} | {last / wall:.2f} | '
            f'{row["peak"]:.0f} |'
        )


if __name__ == '__main__':
    main()
