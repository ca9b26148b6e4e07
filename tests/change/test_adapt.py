# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""A fitted model in other light."""

import json
from pathlib import Path

import numpy as np
import pytest
from rasterio.transform import Affine

from torchgeo_ktextures import KTexturesSegmenter
from torchgeo_ktextures.errors import DataWarning
from torchgeo_ktextures.maps.reading import MODEL_TAG

from ..label_maps import UTM
from ..rasters import write_raster
from .conftest import NAMES, QUIET, counts_of, read, run, tags_of

#: So far from the light of the fit that classes are mistaken for others.
GAIN = np.array([2.5, 2.2, 2, 1.8])


def brighter(counts: np.ndarray) -> np.ndarray:
    return counts * GAIN[:, None, None] + 900


@pytest.fixture(scope='module')
def plain(fitted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model, taking bands as they are."""
    path = tmp_path_factory.mktemp('plain') / 'model.ckpt'
    model = KTexturesSegmenter.load(fitted / 'model.ckpt')
    model.set_params(normalize='none').save(path)
    return path


def test_adapt(plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = KTexturesSegmenter.load(plain)
    # Another place of the same classes, of which there is no place in common.
    there = np.roll(counts_of(3), 40, 2)
    before = model.predict(there)
    bright = brighter(there)
    assert (model.predict(bright) != before).mean() > 0.2
    assert model.adapt(bright) is model
    assert (model.predict(bright) == before).mean() > 0.97
    found = model.adaptation_
    assert np.allclose(found.gains.gain * GAIN, 1, atol=0.1)
    assert max(found.moved) < 1
    # So it does after it was saved, and again from the start.
    model.save(tmp_path / 'adapted.ckpt')
    again = KTexturesSegmenter.load(tmp_path / 'adapted.ckpt')
    assert (again.predict(bright) == model.predict(bright)).all()
    again.adapt(there)
    assert np.allclose(again.adaptation_.gains.gain, 1, atol=0.1)


def test_adapt_command(
    plain: Path, fitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Far from the scenes of the fit.
    data = brighter(counts_of(3)).clip(1).astype(np.uint16)
    there = UTM | {'transform': Affine.translation(9e4, 0) @ UTM['transform']}
    scene = write_raster(tmp_path / 'new.tif', data, names=NAMES, nodata=0, **there)
    target = tmp_path / 'new_labels.tif'
    given = ('--checkpoint', fitted / 'model.ckpt', *QUIET)
    run('segment', scene, *given, '--adapt', '--output', target)
    out, err = capsys.readouterr()
    assert 'classes moved, in their standard deviations: 0 by 0.' in out
    assert '(by the classes of the model)' in out
    assert 'outside the range' not in err
    old = fitted / 'maps' / 'old_labels.tif'
    assert (read(target) == read(old)).mean() > 0.97
    assert tags_of(target)[MODEL_TAG] == tags_of(old)[MODEL_TAG]
    assert json.loads(tags_of(target)['KTEXTURES_RADIOMETRY'])['method'] == 'adapt'
    # What is not adapted is another map.
    run('segment', scene, '--checkpoint', plain, *QUIET, '--output', target)
    assert (read(target) == read(old)).mean() < 0.9
    with pytest.raises(SystemExit):
        run('segment', scene, *QUIET, '--adapt', '--output', target)
    assert 'needs a fitted model' in capsys.readouterr().err


def test_other_land_cover(plain: Path) -> None:
    model = KTexturesSegmenter.load(plain)
    water = counts_of(3)[:, 2:46, 2:46]
    before = model.predict(water)
    with pytest.warns(DataWarning, match='of the scene is class .* look at the map'):
        model.adapt(water)
    # One class does not drag the others.
    assert (model.predict(water) == before).mean() > 0.97
    assert np.allclose(model.adaptation_.gains.gain, 1, atol=0.3)
    rng = np.random.default_rng(0)
    snow = rng.normal(9000, 100, (4, 96, 96))
    with pytest.warns(DataWarning, match='does not fit the scene well'):
        model.adapt(snow)
    with pytest.raises(ValueError, match='no pixel is valid'):
        model.adapt(np.full((4, 96, 96), np.nan))


def test_textures_alone() -> None:
    image = np.random.default_rng(0).normal(size=(4, 64, 64)).astype(np.float32)
    image[:, 32:] *= 3
    model = KTexturesSegmenter(2, max_steps=2, init='kmeans', device='cpu').fit(image)
    with pytest.raises(ValueError, match='told by their textures, not by colour'):
        model.adapt(image)
