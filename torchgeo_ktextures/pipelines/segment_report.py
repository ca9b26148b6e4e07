# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Report of a segmentation as one HTML page that needs nothing else."""

import html
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from rasterio.windows import Window
from scipy.ndimage import uniform_filter
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from ..colors import class_colors
from ..datasets import RasterWindows
from ..datasets.windows import PixelWindow
from ..errors import DataWarning
from ..estimator import KTexturesSegmenter
from ..maps.html_page import figure_address, image_address, write_page
from .segment_results import total_summaries

#: Largest height and width of a map in the page, and of an example, in pixels.
_SIZE, _PATCH = 900, 64

type _Array = npt.NDArray[Any]


def write_report(
    path: Path,
    scenes: Sequence[str],
    maps: Sequence[Path],
    segmenter: KTexturesSegmenter,
    run: str = '',
) -> None:
    """Write a report on the first scene, and on the classes of all.

    Args:
        path: HTML file to write.
        scenes: Rasters.
        maps: Their maps.
        segmenter: Fitted estimator.
        run: What the page keeps to tell scenes and options it was made with.

    Raises:
        OSError: If the file cannot be written.
    """
    bands, classes = total_summaries(maps)
    colors = class_colors(len(classes))
    total = max(sum(c.pixels for c in classes), 1)
    data, image, valid, labels = shown_map(scenes[0], maps[0], segmenter)
    low, high = np.percentile(image[:, valid], [1, 99], axis=1)[..., None, None]

    def rgb(values: _Array, chosen: Sequence[int] = (0, 1, 2)) -> _Array:
        shown = (values - low) / np.maximum(high - low, 1e-12)
        return np.moveaxis(shown[list(chosen)].clip(0, 1), 0, -1)

    table = np.array([color[:3] for color in colors.values()]) / 255
    panels = {'Scene': np.where(valid[..., None], rgb(image), 1)}
    if len(image) > 3:
        panels['NIR, red, green'] = np.where(valid[..., None], rgb(image, (3, 0, 1)), 1)
    panels[f'k-textures, {len(classes)} classes'] = paint(labels, table)
    panels[f'k-means on pixels, {len(classes)} classes'] = paint(
        _kmeans(image, valid, len(classes), labels), table
    )
    figures = ''.join(
        f'<figure><img src="{image_address(panel)}" alt="{title}">'
        f'<figcaption>{title}</figcaption></figure>'
        for title, panel in panels.items()
    )
    rows = []
    for i, c in enumerate(classes):
        texture = rgb(segmenter.textures_[i])
        shown = ''
        if (labels == i).any():
            example, inside = _example(data, maps[0], i, labels)
            # What is of other classes fades.
            faded = rgb(example) * np.where(inside, 1, 0.3)[..., None]
            faded += np.where(inside, 0, 0.7)[..., None]
            shown = f'<img src="{image_address(faded)}" alt="">'
        area = '' if c.area_ha is None else f'{c.area_ha:,.1f}'
        means = ''.join(f'<td>{value:.4g}</td>' for value in c.mean)
        rows.append(
            f'<tr><td><span class="swatch" style="background:rgb{colors[i][:3]}">'
            f'</span> {i}</td><td><img src="{image_address(texture)}" alt=""></td>'
            f'<td>{shown}</td><td>{area}</td><td>{c.pixels:,}</td>'
            f'<td>{c.pixels / total:.1%}</td>{means}</tr>'
        )
    heads = ''.join(f'<th>{html.escape(band)}</th>' for band in bands)
    more = f' and {len(scenes) - 1} more' if len(scenes) > 1 else ''
    body = (
        f'<p>{len(classes)} classes by k-textures, regions of at least about '
        f'{segmenter.mask_stride} pixels, {segmenter.n_iter_} steps.</p>'
        f'<div class="maps">{figures}</div>'
        '<p class="note">Colours of the k-means map are those of the classes that '
        'overlap most. Both saw no label.</p>'
        '<h2>Classes</h2><table><tr><th>class</th><th>texture made</th><th>example'
        f'</th><th>hectares</th><th>pixels</th><th>share</th>{heads}</tr>'
        f'{"".join(rows)}</table><p class="note">Textures are random, with the '
        'colours, contrast, grain and direction of the class; examples are the '
        f'{_PATCH} x {_PATCH} pixels of the first scene with most of '
        'the class. Bands are means over all maps.</p>'
        f'<h2>Spectra</h2><img src="{spectra_address(bands, classes, table)}" alt="spectra">'
        f'{_losses(segmenter)}'
    )
    title = f'{Path(scenes[0]).name}{more}'
    write_page(path, title, body, f'<meta name="run" content="{run}">')


def shown_map(
    scene: str, labels: Path, segmenter: KTexturesSegmenter
) -> tuple[RasterWindows, _Array, _Array, npt.NDArray[np.int_]]:
    """Read a scene and its map in the size that a page shows.

    Args:
        scene: Path of the scene.
        labels: Path of its map.
        segmenter: What the scene was read by.

    Returns:
        The scene; its bands of shape ``(C, H, W)``; where they are valid, and classes,
        -1 for nodata, of shape ``(H, W)``.
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DataWarning)  # said before
        data = RasterWindows(
            scene,
            bands=segmenter.bands_,
            scale=segmenter.scale,
            nodata=segmenter.nodata,
            invalid_if=segmenter.invalid_if,
        )
    image, valid = overview(data)
    with rasterio.open(labels) as src:
        found = src.read(1, out_shape=valid.shape)
        nodata = src.nodata
    return data, image, valid, np.where(found == nodata, -1, found.astype(int))


def overview(data: RasterWindows) -> tuple[_Array, _Array]:
    """Read the first raster, decimated to what a page shows.

    Args:
        data: Rasters.

    Returns:
        Bands of shape ``(C, H, W)`` and validity of shape ``(H, W)``.
    """
    height, width = data.shapes[0]
    factor = max(1.0, max(height, width) / _SIZE)
    shape = (max(1, round(height / factor)), max(1, round(width / factor)))
    image, valid = data.read(0, None, shape)
    return image.astype(np.float64), valid


def paint(labels: _Array, table: _Array) -> _Array:
    """Give labels their colours.

    Args:
        labels: Labels of shape ``(H, W)``, negative where there is none.
        table: Red, green and blue of each class from 0 to 1.

    Returns:
        Picture of shape ``(H, W, 3)``, white where there is no class.
    """
    return np.where((labels >= 0)[..., None], table[labels], 1)


def _kmeans(image: _Array, valid: _Array, k: int, labels: _Array) -> _Array:
    """k-means on pixels, with the numbers of the classes that overlap most."""
    pixels = StandardScaler().fit_transform(image[:, valid].T)
    found = KMeans(k, n_init=4, random_state=0).fit_predict(pixels)
    from scipy.optimize import linear_sum_assignment

    overlap = np.zeros((k, k))
    both = labels[valid] >= 0
    np.add.at(overlap, (found[both], labels[valid][both]), 1)
    _, names = linear_sum_assignment(overlap, maximize=True)
    result = np.full(valid.shape, -1)
    result[valid] = names[found]
    return result


def _example(
    data: RasterWindows, path: Path, number: int, labels: _Array
) -> tuple[_Array, _Array]:
    """Pixels around the place with most of a class, and which of them are of it."""
    inside = labels == number
    height, width = data.shapes[0]
    step = height / labels.shape[0], width / labels.shape[1]
    size = [max(1, round(_PATCH / s)) for s in step]
    share = uniform_filter(inside.astype(float), size, mode='constant')
    row, col = np.unravel_index(share.argmax(), share.shape)
    top, left = (
        int(np.clip((i + 0.5) * s - _PATCH / 2, 0, max(n - _PATCH, 0)))
        for i, s, n in zip((row, col), step, (height, width), strict=True)
    )
    rows, cols = min(_PATCH, height), min(_PATCH, width)
    window = PixelWindow(0, top, left, rows, cols, top, left, rows, cols)
    image: _Array = data[window]['image'].numpy().astype(np.float64)
    with rasterio.open(path) as src:
        found = src.read(1, window=Window(left, top, cols, rows))
    return image, found == number


def spectra_address(
    bands: Sequence[str],
    classes: Sequence[Any],
    table: _Array,
    names: Sequence[str] | None = None,
) -> str:
    """Draw means and standard deviations of the bands of each class.

    Args:
        bands: Names of the bands.
        classes: Summaries of the classes.
        table: Red, green and blue of each class from 0 to 1.
        names: Names of the classes (defaults to their numbers).

    Returns:
        Figure as a data address.
    """
    shown = names or [str(i) for i in range(len(classes))]
    fig = Figure(figsize=(9, 3.6), layout='constrained')
    ax = fig.subplots()
    places = np.arange(len(bands))
    for i, c in enumerate(classes):
        if c.pixels:
            shift = (i - len(classes) / 2) * 0.02
            ax.errorbar(
                places + shift, c.mean, c.std, color=table[i], label=shown[i], capsize=2
            )
    ax.set_xticks(places, bands)
    ax.set_ylabel('mean and standard deviation')
    ax.legend(title='class', bbox_to_anchor=(1, 1), loc='upper left', ncols=2)
    return figure_address(fig)


def _losses(segmenter: KTexturesSegmenter) -> str:
    """Section of the loss curves, if the model was fitted now."""
    history = getattr(segmenter, 'history_', None)
    if history is None:
        return ''
    fig = Figure(figsize=(9, 3.2), layout='constrained')
    ax = fig.subplots()
    simulated = any(name.startswith('similarity_') for name in history.values)
    for name, values in history.values.items():
        if name == 'loss' or name.startswith('similarity_'):
            steps, losses = zip(*values, strict=True)
            label = name.removeprefix('similarity_')
            if name == 'loss':
                label = 'all' if simulated else 'cross-entropy'
            ax.plot(steps, losses, label=label, linewidth=2 if name == 'loss' else 1)
    unit = 'unexplained share' if simulated else 'nats'
    ax.set(xlabel='step', ylabel=unit, ylim=(0, None))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(bbox_to_anchor=(1, 1), loc='upper left')
    return f'<h2>Loss</h2><img src="{figure_address(fig)}" alt="loss curves">'
