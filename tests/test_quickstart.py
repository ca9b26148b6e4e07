# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The main job on the shipped scene, as the README says."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from scipy.ndimage import label as components
from torchgeo.main import main

from torchgeo_ktextures.datasets import Olinda

CONFIG = Path(__file__).parents[1] / 'configs' / 'quickstart.yaml'


def test_quickstart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the output folder is relative
    # A third of the steps, which are enough here.
    faster = ['--data.length', '528', '--trainer.enable_progress_bar', 'false']
    main(['fit', '--config', str(CONFIG), *faster])
    out = tmp_path / 'output' / 'quickstart'
    assert (out / 'ktextures.png').exists()
    main(
        ['predict', '--config', str(CONFIG), '--ckpt_path', str(out / 'ktextures.ckpt')]
    )
    with (
        rasterio.open(Olinda.path) as src,
        rasterio.open(out / 'l7_olinda_labels.tif') as dst,
    ):
        assert dst.crs.to_epsg() == 31985
        assert (dst.shape, dst.transform) == (src.shape, src.transform)
        bands, labels = src.read().astype(float), dst.read(1)
    assert set(np.unique(labels)) == set(range(6))

    # The sea is the largest area in which the near infrared is far darker than green.
    areas, _ = components(bands[3] < 0.6 * bands[1])
    sizes = np.bincount(areas.ravel())
    sizes[0] = 0
    sea = areas == sizes.argmax()
    inside = np.bincount(labels[sea], minlength=6)
    whole = np.bincount(labels.ravel(), minlength=6)
    wet = inside / whole > 0.9  # classes that hold hardly any land
    assert 1 <= wet.sum() <= 2
    assert inside[wet].sum() / sea.sum() > 0.85

    # The forest west of the centre and the city in the south-west.
    forest = np.bincount(labels[110:160, 60:140].ravel(), minlength=6)
    city = np.bincount(labels[290:340, 10:110].ravel(), minlength=6)
    assert forest.argmax() != city.argmax()
    assert not wet[[forest.argmax(), city.argmax()]].any()
