# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Time and memory of feature extractors on a 512 x 512 patch of four bands.

Times are medians of turns that alternate between the extractors, forward and backward to
the image; peak memory is what a fresh process needs more than before.

    python -m benchmarks.extractors
"""

import argparse
import multiprocessing
import statistics
import time
from multiprocessing.connection import Connection

import torch

from torchgeo_ktextures.models import FeatureExtractor, PlanetFeatures, VGG16Features

from .memory import peak_memory


def make(name: str) -> FeatureExtractor:
    """Make an extractor; speed does not depend on the weights."""
    if name == 'vgg16':
        extractor: FeatureExtractor = VGG16Features([(0, 1, 2), (3, 0, 1)])
    else:
        extractor = PlanetFeatures()
    return extractor.eval().requires_grad_(False)


def step(extractor: FeatureExtractor, size: int) -> float:
    """Seconds of a forward and a backward pass."""
    x = torch.randn(1, 4, size, size, requires_grad=True)
    start = time.perf_counter()
    loss = sum(value.square().mean() for value in extractor(x).values())
    assert isinstance(loss, torch.Tensor)
    loss.backward()
    return time.perf_counter() - start


def memory(name: str, size: int, pipe: Connection) -> None:
    """Send the peak memory of a pass in MiB."""
    extractor = make(name)
    step(extractor, 64)
    before = peak_memory()
    step(extractor, size)
    pipe.send((peak_memory() - before) / 1024)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--size', type=int, default=512)
    parser.add_argument('--turns', type=int, default=5)
    args = parser.parse_args()
    names = ('vgg16', 'planet')
    extractors = {name: make(name) for name in names}
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(args.turns + 1):
        for name, extractor in extractors.items():
            seconds = step(extractor, args.size)
            if turn:
                times[name].append(seconds)
    context = multiprocessing.get_context('spawn')
    for name in names:
        receive, send = context.Pipe(duplex=False)
        process = context.Process(target=memory, args=(name, args.size, send))
        process.start()
        peak = receive.recv()
        process.join()
        count = sum(p.numel() for p in extractors[name].parameters())
        median = statistics.median(times[name])
        print(
            f'{name:8} {count / 1e6:6.2f} M parameters {median:7.3f} s {peak:6.0f} MiB'
        )
    ratio = statistics.median(times['vgg16']) / statistics.median(times['planet'])
    print(f'planet is {ratio:.1f} times faster')


if __name__ == '__main__':
    main()
