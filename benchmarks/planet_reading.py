# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Costs of drawing and reading patches of Planet basemaps.

Compares with TorchGeo's RasterDataset and RandomPatchSampler on the same synthetic
quads, in turns in one run. See the README of this folder for results.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.utils.data import DataLoader
from torchgeo.datasets import RasterDataset, stack_samples
from torchgeo.datasets.utils import Sample
from torchgeo.samplers import RandomPatchSampler, RandomTimestampSampler, SpatialSampler

from torchgeo_ktextures.datasets import PlanetBasemap
from torchgeo_ktextures.samplers import ValidPatchSampler

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.planet import MONTHLY, write_quad

BANDS = ('red', 'green', 'blue', 'nir')


class Quads(RasterDataset):
    """The same files as TorchGeo reads them."""

    filename_glob = '*.tif'
    all_bands = ('blue', 'green', 'red', 'nir', 'alpha')


def draw_cost(folder: Path, draws: int) -> None:
    """Print the time of a draw for growing numbers of quads."""
    print('quads  TorchGeo  valid patches  @ timestamps   (microseconds per draw)')
    rows = {}
    for count in (1, 4, 25, 100, 400):
        paths = folder / f'{count}'
        side = round(count**0.5)
        for i in range(count):
            x, y = 600 + i % side, 1100 + i // side
            # a corner of every quad is invalid
            hole = (slice(0, 60), slice(0, 100))
            write_quad(paths / MONTHLY, x, y, size=256, invalid=hole)
        ours, theirs = PlanetBasemap(paths), Quads(paths, bands=BANDS)
        samplers = {
            'theirs': RandomPatchSampler(theirs, size=96, length=draws, generator=0),
            'ours': ValidPatchSampler(ours, size=96, length=draws, min_valid=0.9),
            'times': ValidPatchSampler(ours, size=96, length=draws, min_valid=0.9)
            @ RandomTimestampSampler(ours, generator=0),
        }
        times: dict[str, list[float]] = {name: [] for name in samplers}
        for turn in range(4):
            for name, sampler in samplers.items():
                start = time.perf_counter()
                for _ in sampler:
                    pass
                if turn:  # the first finds out what is valid
                    times[name].append((time.perf_counter() - start) / draws * 1e6)
        row = {name: statistics.median(values) for name, values in times.items()}
        rows[count] = row
        print(
            f'{count:5} {row["theirs"]:9.0f} {row["ours"]:14.0f} {row["times"]:13.0f}'
        )
    for name in ('ours', 'times'):
        print(f'{name}: 400 quads / 1 quad = {rows[400][name] / rows[1][name]:.2f}')


def throughput(folder: Path, length: int, workers: int) -> None:
    """Print patches per second of one full quad."""
    write_quad(folder / MONTHLY, size=4096)

    def loader(dataset: RasterDataset, sampler: SpatialSampler) -> DataLoader[Sample]:
        return DataLoader(
            dataset,
            batch_size=8,
            sampler=sampler,
            num_workers=workers,
            collate_fn=stack_samples,
        )

    def theirs(size: int) -> DataLoader[Sample]:
        dataset = Quads(folder, bands=BANDS)
        sampler = RandomPatchSampler(dataset, size=size, length=length, generator=0)
        return loader(dataset, sampler)

    def ours(size: int) -> DataLoader[Sample]:
        dataset = PlanetBasemap(folder)
        return loader(dataset, ValidPatchSampler(dataset, size=size, length=length))

    print('patch  TorchGeo  ours  ratio   (patches per second, new loaders each turn)')
    makes: dict[str, Callable[[int], DataLoader[Sample]]] = {
        'theirs': theirs,
        'ours': ours,
    }
    for size in (96, 256, 512):
        rates: dict[str, list[float]] = {name: [] for name in makes}
        for _ in range(3):
            for name, make in makes.items():
                batches = make(size)
                start = time.perf_counter()
                count = sum(len(batch['image']) for batch in batches)
                rates[name].append(count / (time.perf_counter() - start))
        a, b = (statistics.median(rates[name]) for name in makes)
        print(f'{size:5} {a:9.0f} {b:5.0f} {b / a:6.2f}')


def main() -> None:
    """Run the benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--draws', type=int, default=4000)
    parser.add_argument('--length', type=int, default=1920)
    parser.add_argument('--workers', type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        os.environ['XDG_CACHE_HOME'] = str(Path(folder) / 'cache')
        draw_cost(Path(folder) / 'many', args.draws)
        throughput(Path(folder) / 'full', args.length, args.workers)


if __name__ == '__main__':
    main()
