# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""``torchgeo fit`` and ``predict`` on inputs as they are."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
import yaml
from torchgeo.main import main

from torchgeo_ktextures import KTexturesSegmenter

from .four_regions import agreement, four_regions
from .label_maps import UTM
from .rasters import write_raster

CONFIG = Path(__file__).parents[1] / 'configs' / 'quickstart.yaml'
NAMES = ('red', 'green', 'blue', 'nir')


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The quickstart, made small, in a folder of its own."""
    text = CONFIG.read_text().replace('output/quickstart', str(tmp_path / 'out'))
    content = yaml.safe_load(text)
    content['trainer'] |= {'enable_progress_bar': False, 'logger': False}
    content['model']['init_args'] |= {'num_classes': 4}
    content['data']['init_args'] |= {'patch_size': 48, 'length': 64}
    path = tmp_path / 'small.yaml'
    path.write_text(yaml.safe_dump(content))
    return path


def warnings_of(recwarn: pytest.WarningsRecorder) -> str:
    text = '\n'.join(str(w.message) for w in recwarn.list)
    recwarn.clear()
    return text


def test_fit_and_predict(
    config: Path, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    bands, truth = four_regions()
    data = (bands * 10_000).astype(np.uint16)
    data[:, :8, :8] = 0
    data[0, 80:82, 80:82] = 0  # of one band only
    odd = np.zeros(truth.shape, bool)
    odd[30:33, 60:63] = True
    data[:, odd] = 65535
    missing = (data == 0).any(0)
    scene = write_raster(tmp_path / 'scene.tif', data, nodata=0, **UTM)
    small = write_raster(tmp_path / 'small.tif', data[:, 40:60, 40:60], **UTM)
    udm2 = write_raster(tmp_path / 'scene_udm2.tif', data[:1] * 0, **UTM)
    out = tmp_path / 'out'
    base = ['--config', str(config)]
    main(['fit', *base, f'--data.paths=[{scene}, {small}, {udm2}]'])
    text = warnings_of(recwarn)
    assert 'band names not given: taking 1, 2, 3, 4' in text
    assert '1 of 2 scenes are smaller than a patch of 48 x 48 pixels' in text
    assert 'lie absurdly far from all others, such as 65535' in text
    # The same sensor, and bands in another order and other units.
    other = write_raster(tmp_path / 'other.tif', bands[::-1], names=NAMES[::-1], **UTM)
    ckpt = ['--ckpt_path', str(out / 'ktextures.ckpt')]
    main(['predict', *base, f'--data.predict_paths=[{scene}, {other}]', *ckpt])
    text = warnings_of(recwarn)
    assert 'other: the scene lies outside the range' in text
    assert 'scale=0.0001' in text
    assert 'scene: the scene lies outside' not in text
    with rasterio.open(out / 'scene_labels.tif') as src:
        labels = src.read(1)
    assert ((labels == 255) == missing).all()
    assert agreement(truth, labels, ~missing & ~odd) > 0.9
    main(
        [
            'predict',
            *base,
            f'--data.predict_paths={other}',
            *ckpt,
            '--data.scale=0.0001',
        ]
    )
    assert 'outside the range' not in warnings_of(recwarn)
    with rasterio.open(out / 'other_labels.tif') as src:
        assert (src.read(1) == labels)[~missing & ~odd].mean() > 0.97


def test_checkpoint_of_an_older_version(tmp_path: Path) -> None:
    bands, _ = four_regions()
    segmenter = KTexturesSegmenter(4, max_steps=1, random_state=0).fit(bands)
    segmenter.save(tmp_path / 'model.ckpt')
    content: Any = torch.load(tmp_path / 'model.ckpt', weights_only=True)
    del content['state_dict']['model.textures.mean']
    torch.save(content, tmp_path / 'old.ckpt')
    message = r'old.ckpt .*written by a version before 0.4.*fit again'
    with pytest.raises(ValueError, match=message):
        KTexturesSegmenter.load(tmp_path / 'old.ckpt')
