# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import runpy
from pathlib import Path

import pytest
import rasterio
import timm
from safetensors.torch import save_file

from torchgeo_ktextures.models.backbone_names import SHORT_NAMES

EXAMPLE = Path(__file__).parents[2] / 'examples' / 'dinov3_features.py'


def test_dinov3_features(
    scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = 'vit_tiny_patch16_dinov3_qkvb.eupe_lvd1689m'
    monkeypatch.setitem(SHORT_NAMES, 'dinov3', tiny)
    network = timm.create_model(tiny, pretrained=False, num_classes=0)
    weights = tmp_path / 'dinov3.safetensors'
    save_file(network.state_dict(), weights)
    output = tmp_path / 'maps'
    main = runpy.run_path(str(EXAMPLE))['main']
    main([
        str(scene), '--weights', str(weights), '--output', str(output),
        '--n-clusters', '2', '--steps', '3', '--patch-size', '64',
    ])  # fmt: skip
    (path,) = output.glob('*.tif')
    with rasterio.open(path) as found, rasterio.open(scene) as src:
        assert found.shape == src.shape
        assert set(found.read(1).flat) == {0, 1, 255}
