# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Maps of different runs under one legend."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from torchgeo_ktextures.maps.reading import (
    CLASSES_TAG,
    MODEL_TAG,
    NAMES_TAG,
    class_names,
    map_colors,
    open_raster,
)

from ..label_maps import UTM, bands_of, regions, write_labels
from .conftest import read, run, tags_of

LABELS = regions()

#: Numbers of the classes in another run.
OTHER = np.array([2, 3, 0, 1], np.uint8)

FIRST, SECOND = 'a' * 16, 'b' * 16


def write_map(
    path: Path, labels: np.ndarray, model: str, classes: int = 4, **kwargs: Any
) -> Path:
    """A map as segment writes it, with the spectra of a scene that does not change."""
    write_labels(path, labels, classes, **kwargs)
    same = labels.copy()
    if model == SECOND:
        same[labels < 4] = np.argsort(OTHER)[labels[labels < 4]]
    data = bands_of(same).astype(float)
    summary = []
    for i in range(classes):
        some = data[:, labels == i]
        entry: dict[str, Any] = {'pixels': some.shape[1], 'area_ha': None}
        for name in ('mean', 'std'):
            entry[name] = getattr(some, name)(1).tolist() if some.size else []
        summary.append(entry)
    content = {'bands': ['red', 'green', 'blue', 'nir'], 'classes': summary}
    with rasterio.open(path, 'r+') as dst:
        dst.update_tags(**{MODEL_TAG: model})
        dst.update_tags(1, **{CLASSES_TAG: json.dumps(content)})
    return path


def other_run(split: bool = True) -> np.ndarray:
    """The same classes by other numbers; a part of one is a class of its own."""
    labels = LABELS.copy()
    labels[LABELS < 4] = OTHER[LABELS[LABELS < 4]]
    if split:
        labels[-20:][labels[-20:] == 1] = 4
    return labels


@pytest.fixture
def maps(tmp_path: Path) -> tuple[Path, Path]:
    one = write_map(tmp_path / 'a.tif', LABELS, FIRST)
    two = write_map(tmp_path / 'b.tif', other_run(), SECOND, 5)
    return one, two


@pytest.mark.parametrize('by', ['overlap', 'spectra'])
def test_align(
    maps: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    by: str,
) -> None:
    output = tmp_path / 'out' / 'aligned.tif'
    run('align', *maps, '--output', output, '--by', by)
    found = read(output)
    expected = LABELS.copy()
    expected[other_run() == 4] = 4
    assert (found == expected).all()
    out = capsys.readouterr().out
    assert f'Compared by {by}' in out
    assert 'new class' in out
    with open_raster(maps[0]) as one, open_raster(output) as two:
        assert map_colors(one, range(4)) == map_colors(two, range(4))
        assert map_colors(two, [4])[0] not in map_colors(two, range(4))
    tags = tags_of(output)
    # Numbers mean what they mean in the first map.
    assert tags[MODEL_TAG] == FIRST
    told = json.loads(tags['KTEXTURES_ALIGNED'])
    assert (told['to'], told['by']) == ('a.tif', by)
    assert {(old, new) for old, new, _ in told['pairs']} == {
        *zip(OTHER.tolist(), range(4), strict=True)
    }
    classes = json.loads(tags[CLASSES_TAG])['classes']
    counts = [int((expected == i).sum()) for i in range(5)]
    assert [c['pixels'] for c in classes] == counts
    # Now they are of one legend.
    with pytest.raises(SystemExit):
        run('align', maps[0], output, '--output', tmp_path / 'again.tif')
    assert 'the same class already' in capsys.readouterr().err


def test_names(maps: tuple[Path, Path], tmp_path: Path) -> None:
    names = ['sea', 'forest', 'field', 'city']
    with rasterio.open(maps[0], 'r+') as dst:
        dst.update_tags(1, **{NAMES_TAG: json.dumps(names)})
    output = tmp_path / 'aligned.tif'
    run('align', *maps, '--output', output)
    with open_raster(output) as src:
        assert class_names(src) == [*names, 'class 4']


def test_other_grid_and_fewer_classes(maps: tuple[Path, Path], tmp_path: Path) -> None:
    # Half of the pixels, of another CRS, and no class 3.
    coarse = other_run(split=False)[::2, ::2]
    coarse[coarse == 1] = 255
    grid = {'transform': UTM['transform'] @ Affine.scale(2)}
    two = write_map(tmp_path / 'c.tif', coarse, SECOND, 4, **grid)
    output = tmp_path / 'aligned.tif'
    run('align', maps[0], two, '--output', output)
    expected = LABELS[::2, ::2].copy()
    expected[expected == 3] = 255
    assert (read(output) == expected).all()


def test_refused(
    maps: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def error_of(*args: object) -> str:
        with pytest.raises(SystemExit):
            run('align', *args, '--output', tmp_path / 'x.tif')
        assert not (tmp_path / 'x.tif').exists()
        return capsys.readouterr().err

    far = UTM | {'transform': Affine.translation(9e5, 0) @ UTM['transform']}
    two = write_map(tmp_path / 'far.tif', other_run(), SECOND, 5, **far)
    assert 'do not overlap' in error_of(maps[0], two, '--by', 'overlap')
    run('align', maps[0], two, '--output', tmp_path / 'far_aligned.tif')
    assert 'Compared by spectra' in capsys.readouterr().out
    empty = write_map(tmp_path / 'empty.tif', np.full_like(LABELS, 255), SECOND)
    assert 'no pixel of any class' in error_of(maps[0], empty)
    bare = write_labels(tmp_path / 'bare.tif', other_run(), 5)
    assert 'does not tell the spectra' in error_of(maps[0], bare, '--by', 'spectra')
    small = write_labels(
        tmp_path / 'small.tif', other_run()[:50], 5, crs=None, transform=None
    )
    assert 'same pixels' in error_of(maps[0], small, '--by', 'overlap')
    with pytest.raises(SystemExit):
        run('align', *maps, '--output', maps[1])
    assert 'would overwrite an input' in capsys.readouterr().err
