# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Pictures of scenes, maps and the samples made of them."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import rasterio
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from rasterio.io import DatasetReader

from ..sources import raster_name, source_name
from .blocks import SPLITS
from .output import complete_file
from .reading import class_color, class_names, damage_named, nodata_of, open_raster

#: Largest height and width of what is read for a picture, in pixels.
_SIZE = 700

#: Most classes that are named.
_NAMED = 12

#: Colours of training, validation and testing.
_SPLIT_COLORS = ('gold', 'deepskyblue', 'magenta')


def draw_rasters(paths: Sequence[str], output: Path) -> None:
    """Draw label maps and scenes side by side.

    Args:
        paths: Rasters. One band of 8 or 16 bits without sign is a label map, anything
            else a scene, of which the first three bands are shown.
        output: Picture to write, such as a PNG file.

    Raises:
        OSError: If it cannot be written, or a raster cannot be read.
        ValueError: If there is no picture of such a name.
    """
    check_picture_name(output)
    with ExitStack() as stack:
        rasters = [stack.enter_context(open_raster(path)) for path in paths]
        fig, axes = _figure(rasters[0], len(rasters))
        for ax, src in zip(axes, rasters, strict=True):
            labels = src.count == 1 and src.dtypes[0] in ('uint8', 'uint16')
            (_map if labels else _scene)(ax, src, raster_name(source_name(src)))
        _save(fig, output)


def check_picture_name(output: Path) -> None:
    """Check that there are pictures of the suffix of a name.

    Args:
        output: Picture to write.

    Raises:
        ValueError: If there are none, or it is a folder.
    """
    known = sorted(FigureCanvasBase.get_supported_filetypes())
    if output.suffix.lower().removeprefix('.') not in known:
        msg = f'{str(output)!r} is to be a picture, but its name does not end in one '
        raise ValueError(f'{msg}of {", ".join(known)}; call it .png')
    if output.is_dir():
        raise ValueError(f'{str(output)!r} is a folder; give a file name')


def draw_samples(
    src: DatasetReader, image: DatasetReader, samples: Path, output: Path
) -> None:
    """Draw the chips on the scene, and the points on the map.

    Args:
        src: Open map.
        image: Open scene, of which the first three bands are shown.
        samples: Folder that the export command wrote.
        output: Picture to write, such as a PNG file.

    Raises:
        OSError: If it cannot be written.
    """
    fig, axes = _figure(src, 2)
    _scene(axes[0], image, 'chips')
    handles = []
    for split, color in zip(SPLITS, _SPLIT_COLORS, strict=True):
        files = list((samples / 'chips' / split / 'images').glob('*.tif'))
        for file in files:
            with rasterio.open(file) as chip:
                col, row = ~src.transform @ (chip.transform.c, chip.transform.f)
                box = Rectangle(
                    (col, row),
                    chip.width,
                    chip.height,
                    fill=False,
                    edgecolor=color,
                    linewidth=1.5,
                )
            axes[0].add_patch(box)
        if files:
            handles.append(Patch(facecolor=color, label=f'{split}: {len(files)} chips'))
    _legend(axes[0], handles)
    _map(axes[1], src, 'points')
    points = gpd.read_file(samples / 'points.gpkg', layer='points').geometry
    cols, rows = ~src.transform @ (points.x.to_numpy(), points.y.to_numpy())
    axes[1].plot(cols, rows, 'k.', markersize=2)
    _save(fig, output)


def _shape(src: DatasetReader) -> tuple[int, int]:
    factor = min(_SIZE / max(src.shape), 1)
    return max(round(src.height * factor), 1), max(round(src.width * factor), 1)


def _figure(src: DatasetReader, panels: int) -> tuple[Figure, Any]:
    height = min(max(5 * src.height / src.width, 2), 10) + 0.9
    fig = Figure(figsize=(5 * panels, height), layout='constrained')
    return fig, fig.subplots(1, panels, squeeze=False)[0]


def _scene(ax: Axes, src: DatasetReader, title: str) -> None:
    shape = _shape(src)
    count = 3 if src.count >= 3 else 1
    bands = list(range(1, count + 1))
    with damage_named(src):
        read = src.read(bands, out_shape=(count, *shape), masked=True)
    values: npt.NDArray[Any] = read.astype(float).filled(np.nan)
    values[~np.isfinite(values)] = np.nan
    if np.isnan(values).all():
        values[:] = 0
    low, high = np.nanpercentile(values, [2, 98], axis=(1, 2))[..., None, None]
    shown = np.clip((values - low) / np.maximum(high - low, 1e-9), 0, 1)
    shown = np.nan_to_num(np.broadcast_to(shown, (3, *shape))).transpose(1, 2, 0)
    ax.imshow(shown, extent=(0, src.width, src.height, 0))
    ax.set_title(title)


def _map(ax: Axes, src: DatasetReader, title: str) -> None:
    with damage_named(src):
        labels = src.read(1, out_shape=_shape(src))  # nearest: no classes in between
    names = class_names(src)
    table = np.full((int(np.iinfo(labels.dtype).max) + 1, 3), 255, np.uint8)
    for code in range(len(names)):
        table[code] = class_color(src, code)
    ax.imshow(
        table[labels], extent=(0, src.width, src.height, 0), interpolation='nearest'
    )
    ax.set_title(title)
    counts = np.bincount(labels[labels != nodata_of(src)], minlength=len(names))
    shares = counts / max(int(counts.sum()), 1)
    # Maps of change have a code for each pair of classes, and few of them occur.
    codes = range(len(names)) if len(names) <= _NAMED else np.argsort(-counts)[:_NAMED]
    handles = [
        Patch(facecolor=table[i] / 255, label=f'{names[i]}: {_percent(shares[i])}')
        for i in codes
        if counts[i] or len(names) <= _NAMED
    ]
    _legend(ax, handles)


def _percent(share: float) -> str:
    return '<1%' if 0 < share < 0.005 else f'{share:.0%}'


def _legend(ax: Axes, handles: Sequence[Patch]) -> None:
    ax.legend(
        handles=list(handles),
        loc='upper center',
        bbox_to_anchor=(0.5, 0),
        ncols=3,
        fontsize='small',
        frameon=False,
    )


def _save(fig: Figure, output: Path) -> None:
    for ax in fig.axes:
        ax.set_axis_off()
    with complete_file(output, output.suffix) as temporary:
        fig.savefig(temporary, dpi=80)
