# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Whether what a run has written is right."""

import json
import shutil
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import rasterio
import yaml
from rasterio.errors import RasterioError
from sklearn.metrics import adjusted_rand_score

from .checks import Pixels, read
from .inputs import NAMES, write
from .runs import Run, arguments, call

#: Agreement with the undamaged map from which a map is right.
_ALIKE = 0.95


def judge(run: Run) -> str:
    """Judge what a run that ended well has written.

    Args:
        run: Done run.

    Returns:
        'right', or what else it is; wrong results start with 'wrong'.
    """
    check = {
        'checkpoint': _scene,
        'checkpoint3': _scene,
        'two': _two,
        'fit': _fitted,
        'model': _same_map,
        'again': _same_map,
        'again_fit': _same_map,
        'again_kept': _same_map,
        'relabel': _relabelled,
        'points': _by_points,
        'export': _exported,
    }.get(run.command)
    return 'written' if check is None else check(run)


def undamaged(run: Run) -> Run:
    """The same command on undamaged inputs, done once."""
    folder = run.valid / 'references' / f'{run.case.kind}_{run.command}'
    output = folder / 'out'
    clean = replace(run, folder=run.valid, output=output, faults=[])
    clean.damaged = run.valid / run.damaged.name
    if not (folder / 'said.txt').exists():
        shutil.rmtree(folder, ignore_errors=True)
        output.mkdir(parents=True)
        code, said, _ = call(arguments(clean))
        if code:
            raise RuntimeError(f'{folder.name} fails on undamaged inputs: {said}')
        (folder / 'said.txt').write_text(said)
    clean.said = (folder / 'said.txt').read_text()
    return clean


def _scene(run: Run) -> str:
    return _map_of_scene(run, run.output / 'map.tif')


def _two(run: Run) -> str:
    outputs = run.output, undamaged(run).output
    found, clean = (read(folder / 'other_labels.tif').data for folder in outputs)
    if (found != clean).any():
        return 'wrong: map of the other scene'
    name = f'{Path(run.case.raster).stem}_labels.tif'
    return _map_of_scene(run, run.output / name)


def _seen(run: Run) -> Pixels | None:
    """The damaged scene as GDAL reads it, None if it does not."""
    try:
        return read(run.folder / run.case.raster, 3 if '3' in run.command else 4)
    except (RasterioError, IndexError, ValueError):
        return None


def _map_of_scene(run: Run, path: Path) -> str:
    seen = _seen(run)
    if seen is None:
        return 'wrong: map of a scene that cannot be read'
    again = read(run.folder / run.case.raster, len(seen.data)).data
    if seen.data.tobytes() != again.tobytes():
        return 'read at random'  # by GDAL, as where a virtual raster has no source
    found, clean = read(path), read(undamaged(run).output / path.name)
    if found.grid != seen.grid:
        return f'wrong: grid {found.grid}, not {seen.grid}'
    labels = found.data[0]
    if (found.valid != seen.valid).any():
        return f'wrong: nodata differs at {(found.valid != seen.valid).sum()} pixels'
    before = read(run.valid / run.case.raster, len(seen.data))
    if seen.data.shape == before.data.shape:
        same = seen.valid & before.valid & (seen.data == before.data).all(0)
        if same.any():
            old, new = clean.data[0][same], labels[same]
            if (old == new).all() or adjusted_rand_score(old, new) > _ALIKE:
                return 'right'
    return _as_read(run, seen, labels, before.tags == seen.tags)


def _as_read(run: Run, seen: Pixels, labels: npt.NDArray[Any], same_tags: bool) -> str:
    """Compare with the map of an undamaged file that holds what GDAL reads."""
    folder = run.folder / 'as_read'
    folder.mkdir()
    data = np.where(seen.valid, seen.data, 0)
    crs, transform, _ = seen.grid
    georeference = {'crs': crs, 'transform': transform}
    path = folder / 'scene.tif'
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        write(path, data, names=NAMES[: len(data)], **georeference)
        with rasterio.open(path, 'r+') as dst:
            dst.write_mask(seen.valid)
    model = 'model3' if '3' in run.command else 'model'
    args = ['segment', str(path), '--output', str(folder / 'map.tif')]
    args += ['--checkpoint', str(run.valid / f'{model}.ckpt'), '--device', 'cpu']
    args += ['--progress', 'false', '--bands', ','.join(NAMES[: len(data)])]
    code, said, _ = call(args)
    if code:
        return f'wrong: map of pixels of which there is none ({said[:200]})'
    if (read(folder / 'map.tif').data[0] == labels).all():
        return 'right as read'
    return 'wrong: labels' if same_tags else 'other tags'


def _fitted(run: Run) -> str:
    seen = _seen(run)
    if seen is None:
        return 'wrong: map of a scene that cannot be read'
    found = read(run.output / 'map.tif')
    if found.grid != seen.grid:
        return f'wrong: grid {found.grid}, not {seen.grid}'
    if (found.valid != seen.valid).any():
        return f'wrong: nodata differs at {(found.valid != seen.valid).sum()} pixels'
    return 'right nodata'  # so short fits are not compared


def _same_map(run: Run) -> str:
    if run.damaged == run.output / 'map.tif' and run.is_left():
        return 'left'  # as it was: nothing is written where a map seems to be there
    try:
        found = read(run.output / 'map.tif')
    except RasterioError:
        return 'wrong: broken map left'
    clean = read(undamaged(run).output / 'map.tif')
    if found.grid != clean.grid:
        return 'wrong: grid'
    return 'right' if (found.data == clean.data).all() else 'wrong: labels'


def _names(path: Path) -> npt.NDArray[np.object_]:
    """Name of the class of each pixel of a map, None where there is none."""
    pixels = read(path)
    with rasterio.open(path) as src:
        names = json.loads(src.tags(1).get('CLASS_NAMES', '[]'))
    codes = pixels.data[0][pixels.valid].astype(int)
    # The name of a class that has none, as of a tag that is damaged.
    names = names or [f'class {code}' for code in range(codes.max(initial=-1) + 1)]
    table = np.array([*names, None], object)
    codes = np.where(pixels.valid, pixels.data[0], len(names)).clip(max=len(names))
    found: npt.NDArray[np.object_] = table[codes]
    return found


def _legend(path: Path) -> dict[int, str | None]:
    """Names by cluster, read without the package."""
    data = path.read_bytes()
    try:
        text = data.decode('utf-8-sig')
    except UnicodeDecodeError:
        text = data.decode('cp1252')
    root = yaml.compose(text, yaml.SafeLoader)
    entries = next(value for key, value in root.value if key.value == 'classes').value
    found: dict[int, str | None] = {}
    for entry in entries:
        values = {key.value: value for key, value in entry.value}
        index, name = yaml.safe_load(values['index'].value), values['name']
        title = ' '.join(name.value.split()) or f'class {index}'
        found[index] = None if name.tag.endswith(':null') else title
    return found


def _relabelled(run: Run) -> str:
    labels = read(run.folder / 'labels.tif')
    legend = _legend(run.folder / 'classes.yaml')
    expected = np.full(labels.valid.shape, None, object)
    for index, name in legend.items():
        expected[(labels.data[0] == index) & labels.valid] = name
    found = _names(run.output / 'named.tif')
    if read(run.output / 'named.tif').grid != labels.grid:
        return 'wrong: grid'
    return 'right' if (found == expected).all() else 'wrong: names'


def _by_points(run: Run) -> str:
    outputs = run.output, undamaged(run).output
    found, clean = (_names(folder / 'named.tif') for folder in outputs)
    if (found == clean).all():
        return 'right'
    before, seen = (
        gpd.read_file(p / run.damaged.name) for p in (run.valid, run.folder)
    )
    if len(seen) < len(before):
        return f'wrong: {len(seen)} of {len(before)} points'
    same = seen['class'].equals(before['class'])
    return (
        'wrong: names' if same and seen.geometry.equals(before.geometry) else 'as read'
    )


def _exported(run: Run) -> str:
    labels, scene = read(run.folder / 'named.tif'), read(run.folder / 'large.tif')
    with rasterio.open(run.folder / 'named.tif') as src:
        transform = src.transform
    names = _names(run.folder / 'named.tif')
    named = np.vectorize(lambda name: name is not None)(names)
    chips = sorted((run.output / 'samples' / 'chips').glob('*/images/*.tif'))
    if not chips:
        return 'wrong: no chips'
    for path in chips:
        row, col = (int(part) for part in path.stem.split('_')[-2:])
        image = read(path)
        mask = read(path.parents[1] / 'masks' / path.name)
        part = (..., slice(row, row + 16), slice(col, col + 16))
        known = scene.valid[part]
        own = known & named[part]
        same = (image.data == scene.data[part])[:, known].all()
        if not same or (image.valid != known).any():
            return f'wrong: image of chip {path.stem}'
        same = (mask.data == labels.data[part])[:, own].all()
        if not same or (mask.valid != own).any():
            return f'wrong: mask of chip {path.stem}'
    points = gpd.read_file(run.output / 'samples' / 'points.gpkg')
    cols, rows = ~transform @ (
        points.geometry.x.to_numpy(),
        points.geometry.y.to_numpy(),
    )
    at = np.floor(rows).astype(int), np.floor(cols).astype(int)
    if (names[at] != points['class']).any():
        return 'wrong: points'
    before = _names(run.valid / 'named.tif')
    return 'right' if set(names[named]) <= set(before.ravel()) else 'names lost'
