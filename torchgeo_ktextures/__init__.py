# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""k-textures: unsupervised segmentation of Earth observation scenes for TorchGeo."""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .estimator import KTexturesSegmenter

__all__ = ('KTexturesSegmenter',)

__version__ = version('torchgeo-ktextures')


def __getattr__(name: str) -> Any:
    # The command must start without torch.
    if name == 'KTexturesSegmenter':
        from .estimator import KTexturesSegmenter

        return KTexturesSegmenter
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
