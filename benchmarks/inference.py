# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Ways to run the network of a fitted model: precision, layout, torch.compile.

On one batch of tiles of the shipped scene, in turns in one run: seconds from bands to
logits on the mask grid, and the share of the pixels that get the same class as in
single precision.

    python -m benchmarks.inference
"""

import argparse
import copy
import statistics
import time
from collections.abc import Callable

import rasterio
import torch
from torch import Tensor

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.datasets import Olinda
from torchgeo_ktextures.models import KTexturesModel, LabelNetwork, upsample_labels

type Forward = Callable[[Tensor, Tensor], Tensor]


def ways(model: KTexturesModel) -> dict[str, Forward]:
    """Make the networks that are compared, by name; the first is ours."""
    ours = LabelNetwork(model)
    planar = copy.deepcopy(ours)
    planar.model.mask_network.to(memory_format=torch.contiguous_format)

    half = copy.deepcopy(ours)
    compiled = copy.deepcopy(ours)
    both = copy.deepcopy(ours)
    for network in (half, both):
        inner = network.model.mask_network
        cast = torch.autocast(next(inner.parameters()).device.type, torch.bfloat16)
        inner.forward = cast(inner.forward)  # type: ignore[method-assign]
    for network in (compiled, both):
        network.model.mask_network.compile()
    return {
        'float32, folded, channels last': ours,
        'not folded': lambda x, v: model.coarse_logits(model.prepare(x, v), v),
        'channels first': planar,
        'bfloat16': half,
        'compiled': compiled,
        'compiled, bfloat16': both,
    }


def measure(stride: int, size: int, repeats: int, device: str) -> list[str]:
    """Compare all ways at a mask stride.

    Args:
        stride: Mask stride.
        size: Height and width of a tile in pixels.
        repeats: Number of turns.
        device: Device.

    Returns:
        Rows of a table.
    """
    # Where colour tells all classes there is no network; with k-means there always is.
    segmenter = KTexturesSegmenter(8, mask_stride=stride, init='kmeans', random_state=0)
    segmenter.fit_model([Olinda.path])
    with rasterio.open(Olinda.path) as src:
        image = torch.from_numpy(src.read()).float()
    rows = image.repeat(1, size // image.shape[1] + 1, size // image.shape[2] + 1)
    x = rows[None, :, :size, :size].contiguous().to(device)
    valid = torch.ones_like(x[:, :1])
    model = segmenter.task_.model.to(device).eval()
    return compare(ways(model), x, valid, stride, repeats)


@torch.inference_mode()
def compare(
    networks: dict[str, Forward], x: Tensor, valid: Tensor, stride: int, repeats: int
) -> list[str]:
    """Compare networks on a batch, the first with the others.

    Args:
        networks: Networks by name.
        x: Bands of shape ``(B, C, H, W)``.
        valid: Validity of shape ``(B, 1, H, W)``.
        stride: Mask stride.
        repeats: Number of turns.

    Returns:
        Rows of a table.
    """
    size = (x.shape[-2], x.shape[-1])
    seconds: dict[str, list[float]] = {}
    labels: dict[str, Tensor] = {}
    start: dict[str, float] = {}
    for name, network in networks.items():  # compilation is not timed with the rest
        began = time.perf_counter()
        labels[name] = upsample_labels(network(x, valid).float(), stride, size)
        start[name] = time.perf_counter() - began
    for _ in range(repeats):
        for name, network in networks.items():
            began = time.perf_counter()
            network(x, valid)
            if x.is_cuda:
                torch.cuda.synchronize()
            seconds.setdefault(name, []).append(time.perf_counter() - began)
    first = next(iter(networks))
    median = {name: statistics.median(values) for name, values in seconds.items()}
    return [
        f'| {stride} | {name} | {median[name]:.3f} | '
        f'{median[first] / median[name]:.2f} | {start[name]:.1f} | '
        f'{100 * (labels[name] == labels[first]).float().mean():.3f} % |'
        for name in networks
    ]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--strides', type=int, nargs='+', default=[8, 2])
    parser.add_argument('--size', type=int, default=1024)
    parser.add_argument('--repeats', type=int, default=9)
    parser.add_argument('--device', default='cpu')
    args = parser.parse_args()
    print('| mask stride | way | seconds | times as fast | first call | same class |')
    print('|---|---|---|---|---|---|')
    for stride in args.strides:
        for row in measure(stride, args.size, args.repeats, args.device):
            print(row, flush=True)


if __name__ == '__main__':
    main()
