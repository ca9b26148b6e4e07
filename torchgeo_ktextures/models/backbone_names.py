# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Short names of backbones, and what to say of names that are unknown."""

import difflib
from collections.abc import Iterable

import timm
import torchgeo.models

#: Models of timm with their weights, and weights of TorchGeo, by the names under which
#: people know them. Each is the base size if there is one.
SHORT_NAMES = {
    'dinov3': 'vit_base_patch16_dinov3.lvd1689m',
    'dinov3_sat': 'vit_large_patch16_dinov3.sat493m',
    'dinov2': 'vit_base_patch14_dinov2.lvd142m',
    'dino': 'vit_base_patch8_224.dino',
    'clip': 'vit_base_patch16_clip_quickgelu_224.openai',
    'mae': 'vit_base_patch16_224.mae',
    'satlas': 'Swin_V2_B_Weights.NAIP_RGB_SI_SATLAS',
    'scalemae': 'ScaleMAELarge16_Weights.FMOW_RGB',
    'dofa': 'DOFABase16_Weights.DOFA_MAE',
    'panopticon': 'Panopticon_Weights.VIT_BASE14',
    'copernicusfm': 'CopernicusFM_Base_Weights.CopernicusFM_ViT',
    'croma': 'CROMABase_Weights.CROMA_VIT',
}

#: Models of TorchGeo that make no map of one image, and why.
UNFIT = {
    'aurora_swin_unet': 'it takes weather fields',
    'olmoearth_v1': 'it takes time series, and a package that TorchGeo does not need',
    'presto': 'it takes the time series of single pixels',
    'satclip': 'it takes coordinates',
    'tessera': 'it takes the time series of single pixels',
}


def nearest(name: str, known: Iterable[str]) -> str:
    """Names that are most like one that is unknown.

    Args:
        name: Unknown name.
        known: Known names.

    Returns:
        Some names, separated by commas, or ``none``.
    """
    lower = {other.lower(): other for other in known}
    found = difflib.get_close_matches(name.lower(), lower, 4, 0.5)
    return ', '.join(lower[other] for other in found) or 'none'


def backbone_names() -> list[str]:
    """All names of models that a backbone can have, without those of weights.

    Returns:
        Short names, then names of TorchGeo, then those of timm.
    """
    theirs = [name for name in torchgeo.models.list_models() if name not in UNFIT]
    return [*SHORT_NAMES, *theirs, *timm.list_models()]
