# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import copy
import functools
from typing import Any

import pytest
import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchgeo.models import CROMA, DOFA, CopernicusFM, Panopticon, ScaleMAE
from torchvision.models.swin_transformer import SwinTransformer, SwinTransformerBlockV2

from torchgeo_ktextures.models import BackboneFeatures
from torchgeo_ktextures.models.extractors.tiling import spans, tiled

#: Height and width that no patch divides.
ODD = (50, 75)


def tiny(name: str, **kwargs: Any) -> nn.Module:
    """A network of timm with random weights, cut to two blocks."""
    kwargs = {'depth': 2, 'dynamic_img_size': True, 'num_classes': 0} | kwargs
    network: nn.Module = timm.create_model(name, pretrained=False, **kwargs)
    return network.eval()


@pytest.mark.parametrize(
    ('name', 'patch'),
    [
        ('vit_tiny_patch16_224', 16),
        ('vit_small_patch14_reg4_dinov2', 14),
        ('vit_tiny_patch16_dinov3_qkvb', 16),
    ],
)
def test_tokens_become_maps(name: str, patch: int) -> None:
    network = tiny(name)
    features = BackboneFeatures(network, ['', 'blocks.0'])
    width = features.channels['backbone']
    x = torch.randn(2, 4, *ODD)
    size = [round(n / patch) for n in ODD]
    with torch.no_grad():
        found = features(x)
        assert found['backbone'].shape == (2, width, *size)
        image = F.interpolate(
            x[:, :3], [n * patch for n in size], mode='bilinear', antialias=True
        )
        tokens = network.forward_features(image)  # type: ignore[operator]
    # Those before are of no place: the class, and registers.
    assert tokens.shape[1] > size[0] * size[1]
    places = tokens[:, -size[0] * size[1] :].mT.unflatten(2, size)
    assert torch.allclose(found['backbone'], places, atol=1e-5)
    assert found['backbone_blocks.0'].shape == found['backbone'].shape
    assert features.strides == dict.fromkeys(found, patch)


def test_position_embeddings_are_interpolated() -> None:
    network = tiny('vit_tiny_patch16_224', img_size=64)
    before = network.get_parameter('pos_embed').clone()
    features = BackboneFeatures(network)
    with torch.no_grad():
        small = features(torch.zeros(1, 4, 64, 64))['backbone']
        large = features(torch.zeros(1, 4, 128, 96))['backbone']
    assert large.shape == (1, 192, 8, 6)
    # Of a plain image, only positions differ; they go on in the larger one.
    corners = (slice(None), slice(None), slice(None, None, 7), slice(None, None, 5))
    near = small[..., ::3, ::3]
    assert (large[corners] - near).square().mean() < small.var()
    assert torch.equal(network.get_parameter('pos_embed'), before)


def spectral(cls: Any, **kwargs: Any) -> nn.Module:
    network: nn.Module = cls(img_size=64, embed_dim=32, depth=2, num_heads=4, **kwargs)
    nn.init.normal_(network.get_parameter('pos_embed'))
    return network.eval()


@pytest.mark.parametrize('cls', [DOFA, CopernicusFM])
def test_wavelengths(cls: Any) -> None:
    network = spectral(cls)
    waves = (0.665, 0.56, 0.49, 0.842)
    features = BackboneFeatures(network, bands=(0, 1, 2, 3), wavelengths=waves)
    assert features.channels == {'backbone': 32}
    x = torch.randn(1, 4, 64, 64)
    with torch.no_grad():
        found = features(x)['backbone']
        tokens = []
        hook = network.get_submodule('blocks.1').register_forward_hook(
            lambda module, inputs, output: tokens.append(output)
        )
        if cls is DOFA:
            network(x, list(waves))
        else:
            nanometres = [1000 * w for w in waves]
            unknown = torch.full((1, 4), torch.nan)
            network(x, unknown, nanometres, [30, 35, 65, 115])
        hook.remove()
        assert torch.allclose(found, tokens[0][:, 1:].mT.unflatten(2, (4, 4)))
        assert features(torch.randn(1, 4, *ODD))['backbone'].shape == (1, 32, 3, 5)
        others = BackboneFeatures(
            network, bands=(0, 1, 2, 3), wavelengths=(0.6, 0.5, 0.4, 0.8)
        )
        assert not torch.allclose(others(x)['backbone'], found)


def test_panopticon(monkeypatch: pytest.MonkeyPatch) -> None:
    cut = functools.partial(timm.create_model, depth=1, num_classes=0)
    monkeypatch.setattr(timm, 'create_model', cut)
    network = Panopticon(attn_dim=96, img_size=56)
    features = BackboneFeatures(
        network, bands=(0, 1, 2, 3), wavelengths=(0.665, 0.56, 0.49, 0.842)
    )
    assert features(torch.randn(1, 4, *ODD))['backbone'].shape == (1, 768, 4, 5)


def test_scale_mae_knows_positions_in_metres() -> None:
    def make(res: float) -> ScaleMAE:
        torch.manual_seed(0)
        return ScaleMAE(
            res=res, img_size=64, patch_size=16, embed_dim=32, depth=2, num_heads=4
        ).eval()

    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = make(2).forward_intermediates(
            x, indices=1, norm=True, intermediates_only=True
        )[0]
        features = BackboneFeatures(make(2))
        assert torch.allclose(features(x)['backbone'], expected, atol=1e-5)
        assert not torch.allclose(BackboneFeatures(make(9))(x)['backbone'], expected)
        # A strip is a part of a square.
        strip = torch.cat([x, x], -1)
        assert features(strip)['backbone'].shape == (1, 32, 4, 8)


def test_croma_attends_by_distance() -> None:
    network = CROMA(['optical'], encoder_dim=32, encoder_depth=2, image_size=32).eval()
    features = BackboneFeatures(network, bands=range(12))
    x = torch.randn(1, 12, 32, 32)
    with torch.no_grad():
        expected = network(x_optical=x)['optical_encodings'].mT.unflatten(2, (4, 4))
        # The bias of a larger square is known from the first image on.
        features(torch.randn(1, 12, 48, 40))
        assert torch.allclose(features(x)['backbone'], expected, atol=1e-5)
        assert features(torch.randn(1, 12, *ODD))['backbone'].shape == (1, 32, 6, 9)


def test_swin_puts_channels_last() -> None:
    network = SwinTransformer(
        [4, 4], 24, [1, 1, 1, 1], [1, 2, 3, 4], [8, 8], block=SwinTransformerBlockV2
    ).eval()
    features = BackboneFeatures(network, ['', 'features.3', 'features.0'])
    found = features(torch.randn(1, 4, 60, 130))
    assert {name: value.shape[1:] for name, value in found.items()} == {
        'backbone': (192, 2, 4),
        'backbone_features.3': (48, 8, 16),
        'backbone_features.0': (24, 16, 32),
    }


def test_one_size_only() -> None:
    network = tiny('beit_base_patch16_224', dynamic_img_size=None, embed_dim=48)
    features = BackboneFeatures(network)
    assert features(torch.randn(1, 3, *ODD))['backbone'].shape == (1, 48, 14, 14)
    with pytest.raises(ValueError, match='takes images of 224 x 224 pixels only'):
        BackboneFeatures(network, upsampling='shifted')


def test_large_images_go_through_in_tiles() -> None:
    for count in (1, 7, 8, 9, 30, 101):
        found = spans(count, 8, 1)
        cores = [i for span in found for i in range(span.first, span.last)]
        assert cores == list(range(count))
        for span in found:
            assert span.stop - span.start <= 8
            assert span.first == 0 or span.first > span.start
            assert span.last == count or span.last < span.stop

    def local(image: Tensor) -> dict[str, Tensor]:
        assert max(image.shape[-2:]) <= 32
        return {'mean': F.avg_pool2d(image, 2), 'coarse': F.avg_pool2d(image, 4)}

    image = torch.randn(2, 3, 44, 100)
    for name, value in tiled(local, image, 4, 8).items():
        assert torch.equal(value, F.avg_pool2d(image, 2 if name == 'mean' else 4))


def test_shifted_passes_halve_the_stride() -> None:
    network = nn.Sequential(nn.AvgPool2d(8))
    ramp = torch.arange(64.0).expand(1, 3, 32, 64)
    features = BackboneFeatures(network, ['0'], upsampling='shifted')
    found = features(ramp)['backbone_0']
    assert features.strides == {'backbone_0': 4}
    assert found.shape == (1, 3, 8, 16)
    # Each is the mean around the middle of its cell.
    assert found[0, 0, 0, 1:-1].tolist() == [4 * i + 1.5 for i in range(1, 15)]
    assert torch.equal(features(ramp.mT)['backbone_0'], found.mT)
    with pytest.raises(
        ValueError, match='layers of one stride, not of .*0: 8, .*1: 16'
    ):
        network = nn.Sequential(nn.AvgPool2d(8), nn.AvgPool2d(2))
        BackboneFeatures(network, ['0', '1'], upsampling='shifted')


def test_copies_do_not_share_what_they_keep() -> None:
    features = BackboneFeatures(tiny('vit_tiny_patch16_224'), ['', 'blocks.1'])
    x = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        for name, value in copy.deepcopy(features)(x).items():
            assert torch.equal(value, features(x)[name])


def test_bad_layers() -> None:
    network = tiny('vit_tiny_patch16_224')
    with pytest.raises(ValueError, match=r'blocks.0.mlp.fc7.*not in VisionTransformer'):
        BackboneFeatures(network, ['blocks.0.mlp.fc7'])
    with pytest.raises(ValueError, match='head_drop does not put out a feature map'):
        BackboneFeatures(network, ['head_drop'])
    with pytest.raises(ValueError, match='last layer of Sequential is not known'):
        BackboneFeatures(nn.Sequential(nn.Conv2d(3, 3, 1)))
    with pytest.raises(ValueError, match=r'\[0, 1, 4\] has more than the 4 bands'):
        BackboneFeatures(network, bands=(0, 1, 4))(torch.zeros(1, 4, 32, 32))
    with pytest.raises(ValueError, match="upsampling='guided'"):
        BackboneFeatures(network, upsampling='guided')  # type: ignore[arg-type]
