# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor
from torchgeo.models import (
    ResNet18_Weights,
    ResNet50_Weights,
    Swin_V2_B_Weights,
    Unet_Weights,
    ViTSmall16_Weights,
)

from torchgeo_ktextures.models import BackboneFeatures, fetch_weights, make_extractors
from torchgeo_ktextures.models.backbone_inputs import BackboneInputs, backbone_inputs
from torchgeo_ktextures.models.backbone_names import SHORT_NAMES
from torchgeo_ktextures.models.backbones import find_backbone, load_backbone

TINY = 'vit_tiny_patch16_dinov3_qkvb.eupe_lvd1689m'


def inputs(name: object, in_channels: int = 4, **kwargs: Any) -> BackboneInputs:
    return backbone_inputs(find_backbone(str(name)), in_channels, **kwargs)


def test_short_names_are_of_known_weights() -> None:
    for short, name in SHORT_NAMES.items():
        found = find_backbone(short)
        assert found.name == name
        assert found.weights


@pytest.mark.parametrize(
    ('weights', 'bands'),
    [
        ('dinov3', (0, 1, 2)),
        (ResNet18_Weights.SENTINEL2_RGB_MOCO, (0, 1, 2)),
        (Swin_V2_B_Weights.NAIP_RGB_SI_SATLAS, (0, 1, 2)),
        (Unet_Weights.NAIP_RGBN_RESNET18_CHESAPEAKERSC, (0, 1, 2, 3)),
        (Unet_Weights.SENTINEL2_2CLASS_FTW, (0, 1, 2, 3, 0, 1, 2, 3)),
        ('scalemae', (0, 1, 2)),
        ('dofa', (0, 1, 2, 3)),
    ],
)
def test_bands_by_metadata(weights: object, bands: tuple[int, ...]) -> None:
    assert inputs(weights).bands == bands


@pytest.mark.parametrize(
    ('weights', 'missing', 'remedy'),
    [
        (
            ViTSmall16_Weights.LANDSAT_TM_TOA_MOCO,
            'B5, B6, B7',
            [2, 1, 0, 3, -1, -1, -1],
        ),
        (
            ViTSmall16_Weights.LANDSAT_OLI_SR_MOCO,
            'SR_B1, SR_B6, SR_B7',
            [-1, 2, 1, 0, 3, -1, -1],
        ),
        (
            Swin_V2_B_Weights.SENTINEL2_SI_MS_SATLAS,
            'B05, B06, B07, B11, B12',
            [0, 1, 2, -1, -1, -1, 3, -1, -1],
        ),
    ],
)
def test_missing_bands(weights: object, missing: str, remedy: list[int]) -> None:
    with pytest.raises(ValueError, match='are not among red, green, blue, nir') as info:
        inputs(weights)
    assert f'of these {missing} are not' in str(info.value)
    assert str(info.value).endswith(str(remedy))
    assert list(inputs(weights, bands=remedy).bands) == remedy
    with pytest.raises(ValueError, match='VV, VH are not among.*: use a backbone for'):
        inputs(ViTSmall16_Weights.SENTINEL1_GRD_MAE)
    with pytest.raises(ValueError, match='of these B8 are not among red, green, blue.'):
        inputs('Unet_Weights.SENTINEL2_2CLASS_FTW', 3)


def test_units_by_metadata() -> None:
    # Statistics of what a network saw are what standardized bands are.
    for name in ('dinov3', 'dinov3_sat', 'clip', 'scalemae', 'dofa'):
        assert set(inputs(name).mean) == {0}
        assert set(inputs(name).std) == {1}
    # Otherwise bands get the usual values in the range that it saw.
    siglip = inputs('vit_base_patch16_siglip_224.v2_webli')
    assert siglip.mean == pytest.approx((-0.03, -0.088, -0.188))
    assert siglip.std == pytest.approx((0.458, 0.448, 0.45))
    moco = inputs(ResNet18_Weights.SENTINEL2_RGB_MOCO)
    statistics = ResNet50_Weights.SENTINEL2_ALL_SOFTCON
    step = next(m for m in statistics.transforms if hasattr(m, 'std'))
    red = statistics.meta['bands'].index('B4')
    assert moco.mean[0] == pytest.approx(float(step.mean[red]) / 10000)
    assert moco.std[0] == pytest.approx(float(step.std[red]) / 10000)


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match=r'nearest names are dinov3.*TorchGeo give'):
        find_backbone('dinov4')
    with pytest.raises(ValueError, match="no weights 'lvd' of.*its weights are.*sat49"):
        find_backbone('vit_large_patch16_dinov3.lvd')
    with pytest.raises(ValueError, match=r'nearest are.*ViTSmall16_Weights.SENTINEL2'):
        find_backbone('ViTSmall16_Weights.SENTINEL2_MAE')
    with pytest.raises(ValueError, match='makes no map of an image: it takes the time'):
        find_backbone('Presto_Weights.PRESTO')
    with pytest.raises(ValueError, match='MOCO are not of vit_base_patch16_dinov3.lvd'):
        find_backbone('dinov3', ResNet18_Weights.SENTINEL2_RGB_MOCO)
    with pytest.raises(ValueError, match=r"backbone_args={'deep': 2} do not fit vit"):
        load_backbone('vit_tiny_patch16_224', False, 3, {'deep': 2})
    with pytest.raises(
        ValueError, match='swin_v2_t has several weights.*name some of S'
    ):
        load_backbone('swin_v2_t', True, 3)
    match = r"group 'dinov4' is unknown; the nearest .* dinov3.*Use some of color"
    with pytest.raises(ValueError, match=match):
        make_extractors(['color', 'dinov4'], 4)
    bands = {'backbone': 'dofa', 'backbone_weights': False}
    with pytest.raises(ValueError, match=r'wavelengths of the bands \[0, 4\]'):
        make_extractors(['backbone'], 5, backbone_bands=[0, 4], **bands)
    with pytest.raises(ValueError, match='1 wavelengths for 4 bands'):
        args = {'wavelengths': [0.6]}
        make_extractors(['backbone'], 4, backbone_args=args, **bands)


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    network = timm.create_model('resnet18', num_classes=0)
    file = tmp_path / 'resnet.safetensors'
    save_file(network.state_dict(), file)
    entry = str(ResNet18_Weights.SENTINEL2_RGB_MOCO)
    loaded = load_backbone(entry, str(file), 3)
    assert torch.equal(
        loaded.get_parameter('conv1.weight'), network.get_parameter('conv1.weight')
    )
    match = r'do not fit vit_tiny.*: cls_token is missing.*; wrong as well: pos_embed, .* more'
    with pytest.raises(ValueError, match=match):
        load_backbone('vit_tiny_patch16_224', str(file), 3)
    match = r'do not fit ResNet18_Weights.*ALL_MOCO: conv1.weight is \(64, 3, 7, 7\)'
    with pytest.raises(ValueError, match=match):
        load_backbone('ResNet18_Weights.SENTINEL2_ALL_MOCO', str(file), 13)


def test_weights_of_a_short_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SHORT_NAMES, 'dinov3', TINY)
    create = timm.create_model

    def pretrained(name: str, pretrained: bool, **kwargs: Any) -> torch.nn.Module:
        if not pretrained:
            return create(name, pretrained=False, **kwargs)
        asked.append(name)
        network: torch.nn.Module = create(name, pretrained=False, **kwargs)
        torch.nn.init.constant_(network.get_parameter('cls_token'), 7)
        return network

    def token(**kwargs: Any) -> tuple[BackboneFeatures, Tensor]:
        *_, features = make_extractors(
            ['color', 'dinov3'], 4, backbone_args={'depth': 1}, **kwargs
        )
        assert isinstance(features, BackboneFeatures)
        assert features.channels == {'dinov3': 192}
        return features, features.network.get_parameter('cls_token')

    asked: list[str] = []
    monkeypatch.setattr(timm, 'create_model', pretrained)
    assert (token()[1] == 7).all()
    assert not (token(backbone_weights=False)[1] == 7).any()
    assert asked == [TINY]
    features, value = token(fetch=False)
    assert asked == [TINY]
    fetch_weights([features])
    assert (value == 7).all()

    def refuse(name: str, pretrained: bool, **kwargs: Any) -> torch.nn.Module:
        if pretrained:
            raise URLError('no route')
        return create(name, pretrained=False, **kwargs)

    monkeypatch.setattr(timm, 'create_model', refuse)
    match = 'weights of dinov3 cannot be downloaded.*path as backbone_weights'
    with pytest.raises(ConnectionError, match=match):
        token()
