# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Dates in the radiometry of one of them."""

import json
from pathlib import Path

import numpy as np
import pytest
from rasterio.transform import Affine
from rasterio.warp import Resampling, calculate_default_transform, reproject

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.change import irmad, orthogonal_regression
from torchgeo_ktextures.change.places import Places
from torchgeo_ktextures.change.relative import match_scene
from torchgeo_ktextures.datasets import ArrayWindows, RasterWindows
from torchgeo_ktextures.errors import DataWarning
from torchgeo_ktextures.maps.reading import MODEL_TAG, map_colors, open_raster

from ..label_maps import UTM
from ..rasters import write_raster
from .conftest import CHANGED, GAIN, NAMES, OFFSET, QUIET, counts_of, read, run, tags_of

FAST = {'max_steps': 2, 'random_state': 0, 'device': 'cpu'}


def test_places_without_change() -> None:
    rng = np.random.default_rng(0)
    first = rng.normal(size=(4000, 4)) @ rng.normal(size=(4, 4))
    second = first * GAIN + OFFSET + 0.05 * rng.normal(size=first.shape)
    second[:1200] = second[1200:2400]
    found = irmad(first, second)
    assert found.weights[:1200].mean() < 0.05
    assert found.weights[2400:].mean() == pytest.approx(0.5, abs=0.05)
    gain, offset = orthogonal_regression(first, second, found.weights)
    assert np.allclose(gain, GAIN, rtol=0.01)
    assert np.allclose(offset, OFFSET, atol=0.02)
    # The other way round it is the inverse.
    weights = irmad(second, first).weights
    back = orthogonal_regression(second, first, weights)[0]
    assert np.allclose(back, 1 / gain, rtol=1e-3)
    with pytest.raises(ValueError, match=r'shapes \(4000, 4\) and \(10, 4\)'):
        irmad(first, second[:10])
    with pytest.raises(ValueError, match='9 places of 4 bands are too few'):
        irmad(first[:9], second[:9])


def test_one_legend(dates: Path, fitted: Path) -> None:
    old, new = (fitted / 'maps' / f'{name}_labels.tif' for name in ('old', 'new'))
    different = read(old) != read(new)
    assert different[CHANGED].mean() > 0.8
    different[CHANGED] = False
    assert different.mean() < 0.02
    assert tags_of(old)[MODEL_TAG] == tags_of(new)[MODEL_TAG]
    with open_raster(old) as one, open_raster(new) as two:
        assert map_colors(one, range(4)) == map_colors(two, range(4))
    found = json.loads(tags_of(new)['KTEXTURES_RADIOMETRY'])
    assert found['method'] == 'relative'
    assert found['reference'] == 'old.tif'
    assert np.allclose(np.multiply(found['gain'], GAIN), 1, atol=0.03)
    assert 0.5 < found['invariant'] < 1


def test_checkpoint_knows_the_place(
    dates: Path, fitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ('--checkpoint', fitted / 'model.ckpt', *QUIET)
    # The same date again, in a third light, and from another grid.
    data = counts_of(0) * 0.8 + 100
    write_raster(
        tmp_path / 'dim.tif', data.astype(np.uint16), names=NAMES, nodata=0, **UTM
    )
    run('segment', tmp_path / 'dim.tif', *given, '--output', tmp_path / 'a.tif')
    assert '% of the shared places are unchanged)' in capsys.readouterr().out
    old = read(fitted / 'maps' / 'old_labels.tif')
    assert (read(tmp_path / 'a.tif') == old).mean() > 0.98
    # Without any change, nothing changes.
    run('segment', dates / 'old.tif', *given, '--output', tmp_path / 'b.tif')
    assert (read(tmp_path / 'b.tif') == old).all()
    # All nodata: nothing is known.
    empty = np.zeros((4, 96, 96), np.uint16)
    write_raster(tmp_path / 'empty.tif', empty, names=NAMES, nodata=0, **UTM)
    run('segment', tmp_path / 'empty.tif', *given, '--output', tmp_path / 'c.tif')
    assert (read(tmp_path / 'c.tif') == 255).all()
    assert 'empty.tif has no valid pixel' in capsys.readouterr().err
    # Elsewhere.
    away = UTM | {'transform': Affine.translation(9e4, 0) @ UTM['transform']}
    far = write_raster(
        tmp_path / 'far.tif', counts_of(0), names=NAMES, nodata=0, **away
    )
    with pytest.raises(SystemExit):
        run('segment', far, *given, '--output', tmp_path / 'd.tif')
    error = capsys.readouterr().err
    assert 'far.tif and old.tif do not overlap' in error
    assert "normalize='scene'" in error


def test_other_grid(dates: Path, tmp_path: Path) -> None:
    with open_raster(dates / 'new.tif') as src:
        transform, width, height = calculate_default_transform(
            src.crs, 'EPSG:3857', src.width, src.height, *src.bounds, resolution=12
        )
        data = np.zeros((4, height, width), np.uint16)
        where = {'dst_transform': transform, 'dst_crs': 'EPSG:3857', 'dst_nodata': 0}
        reproject(
            src.read(), data, src_transform=src.transform, src_crs=src.crs,
            src_nodata=0, resampling=Resampling.nearest, **where,
        )  # fmt: skip
    grid = {'transform': transform, 'crs': 'EPSG:3857', 'nodata': 0}
    warped = write_raster(tmp_path / 'warped.tif', data, names=NAMES, **grid)
    dataset = RasterWindows([str(dates / 'old.tif'), str(warped)])
    match = match_scene(dataset, 1, Places.of(dataset, 0))
    assert np.allclose(match.gains.gain * GAIN, 1, atol=0.05)
    plain = {'crs': None, 'transform': None}
    bare = write_raster(tmp_path / 'bare.tif', data, names=NAMES, **plain)
    dataset = RasterWindows([str(dates / 'old.tif'), str(bare)])
    with pytest.raises(ValueError, match='bare.tif has no georeference, but old.tif'):
        match_scene(dataset, 1, Places.of(dataset, 0))


def test_order_does_not_matter() -> None:
    dates = counts_of(0), counts_of(10, change=True, light=True)
    one, two = (date[:, :72, :60] for date in dates)
    first = KTexturesSegmenter(4, normalize='relative', **FAST).fit([one, two])
    second = KTexturesSegmenter(4, normalize='relative', **FAST).fit([two, one])
    assert all(
        (a == b).all() for a, b in zip(first.labels_, second.labels_[::-1], strict=True)
    )
    # The same twice.
    a, b = first.predict([two, two.copy()])
    assert (a == b).all()
    with pytest.raises(ValueError, match='image 0 has 72 x 59 pixels'):
        first.predict(one[:, :, 1:])


def test_order_of_files(dates: Path) -> None:
    files = [str(dates / 'new.tif'), str(dates / 'old.tif')]
    first, second = (
        KTexturesSegmenter(4, normalize='scene', **FAST).fit(some)
        for some in (files, files[::-1])
    )
    assert (first.labels_[0] == second.labels_[1]).all()
    assert (first.labels_[1] == second.labels_[0]).all()
    model = KTexturesSegmenter(4, **FAST).fit(files[1])
    model.normalize = 'relative'
    with pytest.raises(ValueError, match='this one was fitted without'):
        model.predict(files[0])


def test_too_little_is_unchanged() -> None:
    rng = np.random.default_rng(0)
    fields = rng.normal(1000, 200, (2, 4, 16, 16)).repeat(12, 2).repeat(12, 3)
    images = fields + rng.normal(0, 20, fields.shape)
    dataset = ArrayWindows(list(images.astype(np.float32)))
    with pytest.warns(DataWarning, match='too little is unchanged'):
        match = match_scene(dataset, 1, Places.of(dataset, 0))
    assert match.invariant is None
    x = dataset.images[1].parts[0].values
    brought = x * match.gains.gain[:, None, None] + match.gains.offset[:, None, None]
    assert np.allclose(brought.mean((1, 2)), images[0].mean((1, 2)), rtol=0.02)
