# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Pictures of places to label, as a page in which classes can be typed."""

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from rasterio.windows import Window

from ..sources import short_name, source_name
from .html_page import as_script, figure_address, image_address, write_page
from .scenes import Scene

#: Height and width of a picture, and of what it shows near and wide, in pixels.
_SHOWN, _NEAR, _WIDE = 144, 48, 144

#: Largest height and width of the overview in pixels.
_SIZE = 900

_HEAD = """\
<style>
.places { display: grid; grid-template-columns: repeat(auto-fill, minmax(460px, 1fr));
          gap: 1.2em; }
.places img { width: 144px; height: 144px; image-rendering: pixelated; }
.place input { width: 230px; font: inherit; }
.place b { display: inline-block; min-width: 2em; }
#bar { position: sticky; top: 0; background: #fff; padding: .6em 0; z-index: 1; }
</style>
"""

#: Names are kept by the browser, and saved as GeoJSON.
_SCRIPT = """
<script>
const points = POINTS;
// Other places get other names.
const key = JSON.stringify(points.map(p => p.geometry.coordinates));
const inputs = [...document.querySelectorAll('.place input')];
const kept = JSON.parse(localStorage.getItem(key) || '[]');
function changed() {
  const names = inputs.map(i => i.value.trim());
  localStorage.setItem(key, JSON.stringify(names));
  document.getElementById('names').replaceChildren(...[...new Set([...CLASSES, ...names])]
    .filter(n => n).map(n => new Option(n)));
  document.getElementById('count').textContent = names.filter(n => n).length;
}
inputs.forEach((input, i) => { input.value = kept[i] || ''; input.onchange = changed; });
changed();
document.getElementById('save').onclick = () => {
  points.forEach((p, i) => { p.properties.class = inputs[i].value.trim(); });
  const text = JSON.stringify({type: 'FeatureCollection', features: points}, null, 1);
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], {type: 'application/geo+json'}));
  link.download = FILE;
  link.click();
};
</script>
"""


def write_places_page(
    path: Path,
    scenes: Sequence[Scene],
    frame: gpd.GeoDataFrame,
    where: npt.NDArray[np.int64],
    names: Sequence[str],
    shown: Sequence[str] = ('cluster', 'confidence'),
) -> None:
    """Write a page with a picture of each place, near and wide, and the point marked.

    Classes typed below the pictures are saved as GeoJSON by a button, so that no other
    program is needed.

    Args:
        path: HTML file to write.
        scenes: Scenes, of whose bands the first three are red, green and blue, and the
            fourth, if there is one, near infrared.
        frame: Table of places, see :func:`~torchgeo_ktextures.maps.places.as_frame`.
        where: Scene, row and column of each place, of shape ``(N, 3)``.
        names: Classes that are known.
        shown: Columns to show.

    Raises:
        OSError: If the file cannot be written, or a scene cannot be read.
    """
    parts, overviews = [], []
    limits = []
    for number, scene in enumerate(scenes):
        overview, valid, low, high = _overview(scene)
        limits.append((low, high))
        here = where[:, 0] == number
        if here.any():
            rgb = _stretched(overview, valid, low, high)
            fig = _numbered(
                rgb, scene, where[here, 1:], frame['order'].to_numpy()[here]
            )
            overviews.append(f'<img src="{figure_address(fig)}" alt="all places">')
    for (number, row, col), (_, entry) in zip(
        where.tolist(), frame.iterrows(), strict=True
    ):
        scene, (low, high) = scenes[number], limits[number]
        pictures = []
        for size, bands in ((_NEAR, (0, 1, 2)), (_NEAR, (3, 0, 1)), (_WIDE, (0, 1, 2))):
            if max(bands) < len(low):
                rgb = _picture(scene, row, col, size, bands, low, high)
                pictures.append(f'<img src="{image_address(rgb)}" alt="">')
        facts = ', '.join(
            f'{name} {html.escape(str(entry[name]))}' for name in shown if name in frame
        )
        parts.append(
            f'<div class="place"><div>{" ".join(pictures)}</div><b>{entry["order"]}</b> '
            f'<input list="names" placeholder="class"> '
            f'<span class="note">{facts}</span></div>'
        )
    title = f'Places to label: {short_name(source_name(scenes[0].src))}'
    nir = ', near infrared, red and green' if len(limits[0][0]) > 3 else ''
    body = (
        '<p>Type the class of each point; leave out what you cannot tell. The browser '
        'keeps what you type. Then save the points, and give the file to '
        '<code>torchgeo-ktextures</code> with <code>--points</code>.</p>'
        '<div id="bar"><button id="save">Save the points</button> <span id="count"></span>'
        f' of {len(frame)} have a class</div><datalist id="names"></datalist>'
        f'<p class="note">Pictures: {_NEAR} x {_NEAR} pixels in red, green and blue{nir}'
        f'; {_WIDE} x {_WIDE} pixels around them. The point is in the middle of the '
        f'cross.</p><div class="places">{"".join(parts)}</div>'
        f'<h2>Where they are</h2>{"".join(overviews)}'
    )
    script = _SCRIPT.replace('POINTS', as_script(_features(frame)))
    script = script.replace('CLASSES', as_script(list(names)))
    script = script.replace('FILE', as_script(f'{path.stem}.geojson'))
    write_page(path, title, body + script, _HEAD)


def _features(frame: gpd.GeoDataFrame) -> list[dict[str, Any]]:
    # GeoJSON is always in degrees.
    content = json.loads(frame.to_crs('EPSG:4326').to_json(drop_id=True))
    features: list[dict[str, Any]] = content['features']
    return features


def _overview(
    scene: Scene,
) -> tuple[
    npt.NDArray[np.float64],
    npt.NDArray[np.bool_],
    npt.NDArray[np.float64],
    npt.NDArray[np.float64],
]:
    """Decimated bands, their validity, and values of black and white."""
    factor = max(1.0, max(scene.src.shape) / _SIZE)
    height, width = (max(1, round(n / factor)) for n in scene.src.shape)
    bands, valid = scene.overview((height, width))
    image = bands.astype(np.float64)
    some = image[:, valid] if valid.any() else np.zeros((len(image), 1))
    low, high = np.percentile(some, [1, 99], axis=1)
    return image, valid, low, np.maximum(high, low + 1e-12)


def _stretched(
    image: npt.NDArray[np.float64],
    valid: npt.NDArray[np.bool_],
    low: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Red, green and blue from 0 to 1, white where invalid, of shape ``(H, W, 3)``."""
    shown = [0, 1, 2]
    values = (image[shown] - low[shown, None, None]) / (high - low)[shown, None, None]
    rgb: npt.NDArray[np.float64] = np.moveaxis(values.clip(0, 1), 0, -1)
    return np.where(valid[..., None], rgb, 1)


def _picture(
    scene: Scene,
    row: int,
    col: int,
    size: int,
    bands: Sequence[int],
    low: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Surroundings of a pixel with a cross that leaves it free."""
    top, left = row - size // 2, col - size // 2
    rows = slice(max(top, 0), min(top + size, scene.src.height))
    cols = slice(max(left, 0), min(left + size, scene.src.width))
    window = Window(
        cols.start, rows.start, cols.stop - cols.start, rows.stop - rows.start
    )
    data, valid = scene.read(window)
    chosen = list(bands)
    rgb = np.ones((size, size, 3))
    rgb[rows.start - top : rows.stop - top, cols.start - left : cols.stop - left] = (
        _stretched(data[chosen].astype(np.float64), valid, low[chosen], high[chosen])
    )
    zoom = max(1, _SHOWN // size)
    large: npt.NDArray[np.float64] = rgb.repeat(zoom, 0).repeat(zoom, 1)
    middle = int((size // 2 + 0.5) * zoom)
    for inner, outer, width, color in ((9, 33, 2, 0.0), (10, 32, 1, 1.0)):
        for sign in (-1, 1):
            ends = sorted((middle + sign * inner, middle + sign * outer))
            along, across = slice(*ends), slice(middle - width, middle + width)
            large[along, across] = large[across, along] = color
    return large


def _numbered(
    rgb: npt.NDArray[np.float64],
    scene: Scene,
    places: npt.NDArray[np.int64],
    orders: npt.NDArray[np.int64],
) -> Figure:
    """Overview with the numbers of the places."""
    height, width = scene.src.shape
    fig = Figure(figsize=(10, max(2.0, min(14.0, 10 * height / width))))
    ax = fig.add_axes((0, 0, 1, 1))
    ax.imshow(rgb, extent=(0, width, height, 0))
    ax.set_axis_off()
    for (row, col), order in zip(places.tolist(), orders.tolist(), strict=True):
        ax.plot(col + 0.5, row + 0.5, 'o', color='none', markeredgecolor='yellow')
        ax.annotate(
            str(order),
            (col + 0.5, row + 0.5),
            (4, 4),
            textcoords='offset points',
            color='yellow',
            fontsize=9,
            path_effects=[withStroke(linewidth=2, foreground='black')],
        )
    return fig
