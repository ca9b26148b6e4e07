# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Olinda: the map of the quickstart beside pixel k-means on the same scene.

torchgeo fit --config configs/quickstart.yaml
torchgeo predict --config configs/quickstart.yaml \
        --ckpt_path output/quickstart/ktextures.ckpt
python -m benchmarks.olinda output/quickstart/l7_olinda_labels.tif docs/olinda.png
"""

import argparse

import numpy as np
import numpy.typing as npt
import rasterio
from matplotlib.figure import Figure
from scipy.ndimage import label as components
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from torchgeo_ktextures.datasets import Olinda
from torchgeo_ktextures.maps.reading import map_colors

_Labels = npt.NDArray[np.integer]


def sea_mask(bands: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    """The sea: the largest connected area in which NIR is far darker than green.

    Args:
        bands: Red, green, blue, near infrared, of shape ``(4, H, W)``.

    Returns:
        True in the sea, of shape ``(H, W)``.
    """
    areas, _ = components(bands[3] < 0.6 * bands[1])
    sizes = np.bincount(areas.ravel())
    sizes[0] = 0
    sea: npt.NDArray[np.bool_] = areas == sizes.argmax()
    return sea


def describe(name: str, labels: _Labels, bands: npt.NDArray[np.generic]) -> None:
    """Print how a map treats the sea, and how fragmented it is."""
    sea = sea_mask(bands)
    print(f'{name}: share of the class in the sea, share of the sea in the class')
    patches = 0
    for i in np.unique(labels):
        inside = labels == i
        patches += components(inside)[1]
        pure, part = (inside & sea).sum() / inside.sum(), (inside & sea).sum()
        print(f'  class {i}: {pure:6.1%} {part / sea.sum():6.1%}')
    print(f'  {patches} connected patches')


def main() -> None:
    """Print a comparison and draw a picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('map', help='label map of the quickstart')
    parser.add_argument('output', help='picture to write')
    args = parser.parse_args()
    with rasterio.open(args.map) as src:
        ours = src.read(1)
        colors = np.array(map_colors(src, range(int(ours.max()) + 1)), np.uint8)
    with rasterio.open(Olinda.path) as src:
        bands = src.read()
    k = int(ours.max()) + 1
    pixels = StandardScaler().fit_transform(bands.reshape(len(bands), -1).T)
    kmeans = KMeans(k, n_init=10, random_state=0).fit_predict(pixels)
    # Colours as alike as they can be.
    overlap = np.zeros((k, k))
    np.add.at(overlap, (kmeans, ours.ravel()), 1)
    _, names = linear_sum_assignment(overlap, maximize=True)
    peer = names[kmeans].reshape(ours.shape)
    describe('k-textures', ours, bands)
    describe('k-means', peer, bands)

    low, high = np.percentile(bands, [2, 98], axis=(1, 2))[..., None, None]
    shown = np.clip((bands - low) / (high - low), 0, 1)
    panels = {
        'Landsat 7, Olinda': shown[:3].transpose(1, 2, 0),
        f'k-means, {k} classes': colors[peer],
        f'k-textures, {k} classes': colors[ours],
    }
    fig = Figure(figsize=(14, 5.1), layout='constrained')
    for ax, (title, panel) in zip(fig.subplots(1, 3), panels.items(), strict=True):
        ax.imshow(panel, interpolation='nearest')
        ax.set_title(title, fontsize=14)
        ax.axis('off')
    fig.savefig(args.output, dpi=80)


if __name__ == '__main__':
    main()
