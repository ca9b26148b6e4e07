# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Labels of what xarray reads, as an array of xarray.

    python examples/xarray_in_out.py scene.nc labels.nc --n-clusters 8

The file has one variable per band, named red, green, blue and nir, or one variable with a
dimension of bands. Labels have its coordinates, attributes and CRS; NaN is invalid.
"""

import argparse
from collections.abc import Sequence

import xarray as xr

from torchgeo_ktextures import KTexturesSegmenter


def label(scene: xr.Dataset, n_clusters: int, steps: int = 100) -> xr.DataArray:
    """Split a scene into classes.

    Args:
        scene: Bands, one variable each, or one variable of all.
        n_clusters: Number of classes.
        steps: Training steps.

    Returns:
        Class of each pixel, -1 where invalid, with the coordinates of the scene.
    """
    bands = [name for name in scene.data_vars if scene[name].ndim > 1]
    image = scene[bands[0]] if len(bands) == 1 else scene[bands]
    segmenter = KTexturesSegmenter(n_clusters, max_steps=steps, random_state=0)
    labels: xr.DataArray = segmenter.fit_predict(image)
    return labels.rename('class')


def main(arguments: Sequence[str] | None = None) -> None:
    """Label a file, and write the labels to another.

    Args:
        arguments: Arguments of the command (defaults to those of the process).
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('scene', help='file that xarray opens')
    parser.add_argument('labels', help='NetCDF file of the labels')
    parser.add_argument('--n-clusters', type=int, default=8, help='number of classes')
    parser.add_argument('--steps', type=int, default=100, help='training steps')
    options = parser.parse_args(arguments)
    with xr.open_dataset(options.scene) as scene:
        labels = label(scene, options.n_clusters, options.steps)
    labels.astype('int16').to_netcdf(options.labels)
    print(labels)


if __name__ == '__main__':
    main()
