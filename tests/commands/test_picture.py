# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path

import numpy as np
import pytest
from matplotlib.pyplot import imread

from torchgeo_ktextures.commands.picture import picture

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
    with pytest.raises(ValueError, match="raster '.*none.tif' cannot be read"):
        picture([str(tmp_path / 'none.tif')], str(tmp_path / 'a.png'))
    with pytest.raises(OSError, match='none/a.png cannot be written'):
        picture([labels], str(tmp_path / 'none' / 'a.png'))
    with pytest.raises(ValueError, match="Format 'odd' is not supported"):
        picture([labels], str(tmp_path / 'a.odd'))
