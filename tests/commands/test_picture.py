# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path

import numpy as np
import pytest
from matplotlib.pyplot import imread

from torchgeo_ktextures.commands.picture import picture
from torchgeo_ktextures.errors import UnreadableError

from ..label_maps import UTM
from ..rasters import write_raster


def test_picture(named: Path, tmp_path: Path) -> None:
    gray = write_raster(tmp_path / 'gray.tif', np.ones((1, 9, 9), np.float32), **UTM)
    scene, labels = str(named / 'scene.tif'), str(named / 'named.tif')
    one, three = tmp_path / 'one.png', tmp_path / 'three.png'
    picture([labels], str(one))
    picture([scene, labels, str(gray)], str(three))
    small, large = imread(one), imread(three)
    assert small.shape[0] == large.shape[0]
    assert 3 * small.shape[1] == large.shape[1]
    # The colours of the classes.
    for color in ([0, 10, 20], [9, 10, 20], [27, 10, 20]):
        same = (small[..., :3] * 255).round() == color
        assert same.all(-1).sum() > 1000


def test_bad_input(named: Path, tmp_path: Path) -> None:
    labels = str(named / 'named.tif')
    with pytest.raises(FileNotFoundError, match="raster '.*none.tif' does not exist"):
        picture([str(tmp_path / 'none.tif')], str(tmp_path / 'a.png'))
    with pytest.raises(OSError, match='none/a.png cannot be written'):
        picture([labels], str(tmp_path / 'none' / 'a.png'))
    with pytest.raises(ValueError, match=r"a.odd' is to be a picture.* call it .png"):
        picture([labels], str(tmp_path / 'a.odd'))
    (tmp_path / 'a.png').mkdir()
    with pytest.raises(ValueError, match="a.png' is a folder; give a file name"):
        picture([labels], str(tmp_path / 'a.png'))
    cut = tmp_path / 'cut.tif'
    cut.write_bytes((named / 'scene.tif').read_bytes()[:-20000])
    with pytest.raises(UnreadableError, match=r'cut.tif.* cannot be read .*fresh copy'):
        picture([str(cut)], str(tmp_path / 'b.png'))


def test_values_that_are_none(tmp_path: Path) -> None:
    data = np.ones((3, 9, 9), np.float32)
    data[:, 0] = np.nan
    data[1, 1] = np.inf
    scene = write_raster(tmp_path / 'scene.tif', data, **UTM)
    nothing = write_raster(tmp_path / 'nothing.tif', data * np.nan, **UTM)
    picture([str(scene), str(nothing)], str(tmp_path / 'a.png'))
    assert imread(tmp_path / 'a.png').shape[2] == 4


def test_home_folder(
    named: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    (tmp_path / 'named.tif').write_bytes((named / 'named.tif').read_bytes())
    picture(['~/named.tif'], '~/a.png')
    assert (tmp_path / 'a.png').is_file()
