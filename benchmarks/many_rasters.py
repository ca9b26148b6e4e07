# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Memory and time of one command over many rasters.

Rasters are virtual ones, each another part of 128 x 128 pixels of the shipped scene, which
``--size`` enlarges by repeating pixels. Each number of them is segmented by the command in a
process of its own, fitting included unless there is a model.

    python -m benchmarks.many_rasters --counts 10 100 1000 10000
    python -m benchmarks.many_rasters --counts 500 --size 2048 --checkpoint model.ckpt
"""

import argparse
import contextlib
import io
import json
import multiprocessing as mp
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.windows import Window

from torchgeo_ktextures.datasets import Olinda

from .memory import peak_memory, reset_peak_memory
from .report import markdown

_SIZE = 128


def make_rasters(folder: Path, count: int, size: int = _SIZE) -> list[str]:
    """Make virtual rasters.

    Args:
        folder: Where they go.
        count: Number of rasters.
        size: Their height and width in pixels.

    Returns:
        Their paths.
    """
    rng = np.random.default_rng(0)
    with rasterio.open(Olinda.path) as src:
        height, width = src.shape
        t = src.transform
        crs = src.crs.to_wkt()
    text = (
        '<VRTDataset rasterXSize="{size}" rasterYSize="{size}"><SRS>{crs}</SRS>'
        '<GeoTransform>{x}, {dx}, 0, {y}, 0, {dy}</GeoTransform>{bands}</VRTDataset>'
    )
    band = (
        '<VRTRasterBand dataType="Byte" band="{i}"><SimpleSource>'
        '<SourceFilename relativeToVRT="0">{path}</SourceFilename>'
        '<SourceBand>{i}</SourceBand>'
        '<SrcRect xOff="{col}" yOff="{row}" xSize="{part}" ySize="{part}"/>'
        '<DstRect xOff="0" yOff="0" xSize="{size}" ySize="{size}"/>'
        '</SimpleSource></VRTRasterBand>'
    )
    paths = []
    for number in range(count):
        row, col = rng.integers(0, (height - _SIZE, width - _SIZE)).tolist()
        corner = rasterio.windows.transform(Window(col, row, _SIZE, _SIZE), t)
        bands = ''.join(
            band.format(i=i, path=Olinda.path, col=col, row=row, part=_SIZE, size=size)
            for i in range(1, 5)
        )
        path = folder / f'scene_{number:05}.vrt'
        path.write_text(
            text.format(
                size=size,
                crs=crs,
                x=corner.c,
                dx=corner.a * _SIZE / size,
                y=corner.f,
                dy=corner.e * _SIZE / size,
                bands=bands,
            )
        )
        paths.append(str(path))
    return paths


def measure(count: int, size: int, options: list[str], queue: Any) -> None:
    """Segment rasters, and put the figures into a queue.

    Args:
        count: Number of rasters.
        size: Their height and width in pixels.
        options: Other options of the command.
        queue: Takes a dictionary.
    """
    from torchgeo_ktextures.cli import main as command

    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        paths = make_rasters(root, count, size)
        before = reset_peak_memory()
        start, spent = time.perf_counter(), time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):
            command(['segment', *paths, *options, '--output', str(root / 'maps')])
        queue.put(
            {
                'seconds': time.perf_counter() - start,
                'processor': time.process_time() - spent,
                'peak': peak_memory() / 1024,
                'before': before / 1024,
                'maps': len(list((root / 'maps').glob('*.tif'))),
            }
        )


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--counts', type=int, nargs='+', default=[10, 100, 1000, 10000])
    parser.add_argument('--size', type=int, default=_SIZE, help='height and width')
    parser.add_argument('--checkpoint', help='fitted model (default: fit one)')
    args = parser.parse_args()
    options = ['--n-clusters', '4', '--seed', '0']
    if args.checkpoint:
        options = ['--checkpoint', args.checkpoint]
    context = mp.get_context('spawn')
    lines = []
    for count in args.counts:
        queue = context.Queue()
        process = context.Process(
            target=measure, args=(count, args.size, options, queue)
        )
        process.start()
        process.join()
        if process.exitcode:
            raise RuntimeError(f'{count} rasters failed, see above')
        found = queue.get()
        print(json.dumps({count: found}), flush=True)
        figures = [f'{found[key]:.0f}' for key in ('peak', 'seconds', 'processor')]
        rate = count * args.size**2 / 1e6 / found['seconds']
        lines.append([str(count), *figures, f'{rate:.2f}'])
    titles = ['rasters', 'peak memory (MiB)', 'seconds', 'seconds of processor']
    titles.append('megapixels per second')
    print('\n' + markdown(titles, lines))


if __name__ == '__main__':
    main()
