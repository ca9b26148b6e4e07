# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Processor time of the merge of a large map, against reading and writing it.

python -m benchmarks.merging --size 4096
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import rasterio
from rasterio.transform import Affine
from scipy.cluster.hierarchy import ward
from scipy.ndimage import gaussian_filter, zoom

from torchgeo_ktextures.colors import class_colors
from torchgeo_ktextures.maps.merging import merge_map, tree_tag

_CLASSES = 16


def copy(source: Path, target: Path) -> None:
    """Read a map and write it, as a Cloud Optimized GeoTIFF."""
    with rasterio.open(source) as src:
        labels = src.read(1)
        profile = {key: src.profile[key] for key in ('crs', 'transform', 'nodata')}
    write(target, labels, **profile)


def write(target: Path, labels: np.ndarray, **profile: object) -> None:
    """Write a map as a Cloud Optimized GeoTIFF."""
    height, width = labels.shape
    shape = {'height': height, 'width': width, 'count': 1, 'dtype': 'uint8'}
    options = {'compress': 'deflate', 'overview_resampling': 'mode'}
    with rasterio.open(target, 'w', driver='COG', **shape, **options, **profile) as dst:
        dst.write(labels, 1)
        dst.write_colormap(1, class_colors(_CLASSES))
        dst.update_tags(**tree_tag(ward(np.random.default_rng(0).random((16, 3)))))


def seconds(run: Callable[[], object]) -> float:
    """Processor seconds."""
    begun = time.process_time()
    run()
    return time.process_time() - begun


def main(argv: Sequence[str] | None = None) -> None:
    """Run, and print times of each of three turns.

    Args:
        argv: Arguments, or None for those of the command line.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--size', type=int, default=4096, help='height and width')
    args = parser.parse_args(argv)
    rng = np.random.default_rng(0)
    small = [gaussian_filter(rng.standard_normal((512, 512)), 3) for _ in range(16)]
    fields = [zoom(field, args.size / 512, order=1) for field in small]
    labels = np.argmax(fields, axis=0).astype(np.uint8)
    with TemporaryDirectory() as folder:
        source, target = Path(folder) / 'labels.tif', Path(folder) / 'other.tif'
        transform = Affine(10, 0, 500_000, 0, -10, 5_000_000)
        write(source, labels, crs='EPSG:32633', transform=transform, nodata=255)
        for _ in range(3):
            base = seconds(lambda: copy(source, target))
            merged = seconds(lambda: merge_map(source, target, 5))
            print(f'copy {base:.2f} s, merge {merged:.2f} s, {merged / base:.2f} times')


if __name__ == '__main__':
    main()
