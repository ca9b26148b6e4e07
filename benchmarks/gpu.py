# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Fit and prediction on a GPU, beside the processor, in one run of some minutes.

The scene is the one of ``throughput.py``. Printed are seconds of the fit, seconds and
rates of the prediction with its parts (reading alone, computing alone, all with writing),
and the share of the pixels that get the class that the processor gives them.

    python -m benchmarks.gpu --device cuda
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
import torch

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.callbacks import GeoTIFFWriter
from torchgeo_ktextures.inference import predict_tiles
from torchgeo_ktextures.models import LabelNetwork, finite_pixels

from .report import markdown
from .throughput import make_scene

_CLASSES = 8
_STRIDE = 4


def _wait(device: str) -> None:
    if device.startswith('cuda'):
        torch.cuda.synchronize(device)


def _predict(segmenter: KTexturesSegmenter, scene: Path, device: str) -> Path:
    data = segmenter.inputs_of([str(scene)]).data
    writer = GeoTIFFWriter(tempfile.mkdtemp(dir=scene.parent))
    predict_tiles(segmenter.task_, data, writer, device)
    return writer.outputs[0]


def _parts(
    segmenter: KTexturesSegmenter, scene: Path, device: str
) -> tuple[float, float]:
    """Seconds to read all tiles, and to compute them without reading or writing."""
    data = segmenter.inputs_of([str(scene)]).data
    data.setup('predict')
    begun = time.perf_counter()
    tiles = [batch['image'] for batch in data.predict_dataloader()]
    read = time.perf_counter() - begun
    network = LabelNetwork(segmenter.task_.model).to(device)
    network.predict(tiles[0].to(device), finite_pixels(tiles[0]).to(device))
    _wait(device)
    begun = time.perf_counter()
    for tile in tiles:
        image = tile.to(device)
        network.predict(image, finite_pixels(image))['labels'].cpu()
    _wait(device)
    return read, time.perf_counter() - begun


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--device', default='cuda')
    parser.add_argument('--size', type=int, default=4096)
    args = parser.parse_args()
    lines, maps = [], []
    with tempfile.TemporaryDirectory() as name:
        scene = Path(name) / 'scene.tif'
        make_scene(scene, args.size)
        pixels, size = args.size**2, 8 * args.size**2
        model = Path(name) / 'model.ckpt'
        for device in ('cpu', args.device):
            begun = time.perf_counter()
            segmenter = KTexturesSegmenter(
                _CLASSES, mask_stride=_STRIDE, random_state=0, device=device
            )
            segmenter.fit_model([str(scene)])
            fitted = time.perf_counter() - begun
            if device == 'cpu':
                segmenter.save(model)
            segmenter = KTexturesSegmenter.load(model)  # one model, two maps
            read, computed = _parts(segmenter, scene, device)
            begun = time.perf_counter()
            with rasterio.open(_predict(segmenter, scene, device)) as src:
                maps.append(src.read(1))
            whole = time.perf_counter() - begun
            figures = [fitted, read, computed, whole]
            rates = [pixels / whole / 1e6, size / whole / 1e9]
            lines.append([device, *(f'{v:.2f}' for v in figures + rates)])
    titles = ['device', 'fit, s', 'reading alone, s', 'computing alone, s']
    print(markdown([*titles, 'prediction, s', 'Mpx/s', 'GB/s'], lines))
    print(f'\nSame class: {np.mean(maps[0] == maps[1]):.4%} of the pixels')


if __name__ == '__main__':
    main()
