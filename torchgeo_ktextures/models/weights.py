# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Weights that come with the package."""

import hashlib
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load
from torch import Tensor, nn
from torchvision.models._api import Weights, WeightsEnum

from .extractors import PlanetFeatures
from .state_dicts import load_matching, load_state_dict_file

#: The file name ends with the first 8 digits of its SHA-256.
_FILE = Path(__file__).parent / 'data' / 'planet_features_vgg16-89ae62a6.safetensors'


class StandardizeBands(nn.Module):
    """Standardizes each band of each image, which is what the weights expect."""

    def forward(self, x: Tensor) -> Tensor:
        """Standardize bands.

        Args:
            x: Bands of shape ``(..., C, H, W)``, in any unit.

        Returns:
            Bands of mean zero and standard deviation one, of the same shape.
        """
        std, mean = torch.std_mean(x, (-2, -1), correction=0, keepdim=True)
        return (x - mean) / std.clamp(min=1e-6)


class PlanetFeatures_Weights(WeightsEnum):
    """Weights of :class:`~torchgeo_ktextures.models.PlanetFeatures`.

    None of them has seen Planet imagery.
    """

    MULTISENSOR_RGBN_VGG16 = Weights(
        url=_FILE.as_uri(),
        transforms=StandardizeBands(),
        meta={
            'dataset': 'NAIP, Sentinel-2, Landsat 7 and Landsat 8 scenes, see imagery',
            'in_chans': 4,
            'model': 'planet_features',
            'publication': 'https://arxiv.org/abs/1412.6550',
            'repo': 'torchgeo-ktextures, configs/pretrain_extractor.yaml',
            'bands': ('red', 'green', 'blue', 'nir'),
            'scale': 'each band standardized to mean 0 and standard deviation 1',
            'license': 'MIT',
            'version': 'torchgeo-ktextures 0.1.0',
            'metrics': {
                'k-means with colour, mean mIoU of five labelled tasks': 0.422,
                'the same with VGG-16 instead': 0.426,
                'variance of the teacher in the components, strides 2, 4, 8': '67, 69 '
                'and 45 %, of which 7, 14 and 28 are missed on the scenes seen',
            },
            'imagery': {
                'NAIP, 0.6 and 5 m': 'USDA, public domain; selection of 0.6 m patches '
                'CC BY 4.0, Ventura et al. 2024, doi 10.1016/j.jag.2024.103848',
                'Sentinel-2, 10 m': 'contains modified Copernicus Sentinel data; '
                'SSL4EO-S12 (CC BY 4.0), BigEarthNet (CDLA-Permissive-1.0), Fields of '
                'The World and spyndex (MIT)',
                'Landsat 7 and 8, 30 m': 'USGS, public domain',
            },
            'teacher': 'VGG-16, torchvision VGG16_Weights.IMAGENET1K_FEATURES, trained '
            'on ImageNet by the Visual Geometry Group, Oxford (CC BY 4.0)',
        },
    )

    def get_state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Load the weights from the installed package, and check them.

        Args:
            *args: Not used: nothing is downloaded.
            **kwargs: Not used.

        Returns:
            The state dict.

        Raises:
            FileNotFoundError: If the file is missing.
            ValueError: If the file is not the one that was shipped.
        """
        return read_checked(_FILE)


def read_checked(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file whose name ends with the beginning of its SHA-256.

    Args:
        path: Path of the file.

    Returns:
        The state dict.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the content does not fit the name.
    """
    if not path.is_file():
        msg = f'weights file {str(path)!r} is missing; install the package again'
        raise FileNotFoundError(msg)
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if not path.stem.endswith(f'-{digest[:8]}'):
        msg = f'weights file {str(path)!r} has the SHA-256 {digest[:8]}..., which its '
        msg += 'name does not say: it is damaged; install the package again'
        raise ValueError(msg)
    state: dict[str, Tensor] = load(content)
    return state


def planet_features(
    weights: PlanetFeatures_Weights | str | bool | None = None, **kwargs: Any
) -> PlanetFeatures:
    """Light extractor of the features of four-band imagery.

    Args:
        weights: Weights to load: an entry of :class:`PlanetFeatures_Weights`, True for
            those that come with the package, the path of a safetensors file or of a
            checkpoint of :class:`~torchgeo_ktextures.tasks.FeatureDistillation`, or
            None for random weights.
        **kwargs: Arguments of :class:`PlanetFeatures`.

    Returns:
        The extractor.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If the weights do not fit.
    """
    model = PlanetFeatures(**kwargs)
    if not weights:
        return model
    if weights is True or (isinstance(weights, str) and weights.lower() == 'true'):
        weights = PlanetFeatures_Weights.MULTISENSOR_RGBN_VGG16
    if isinstance(weights, WeightsEnum):
        state = weights.get_state_dict()
    else:
        state = load_state_dict_file(str(weights))
    load_matching(model, state, 'model.', str(weights), 'PlanetFeatures')
    return model
