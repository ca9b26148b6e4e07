# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Layers of a Keras file as feature groups."""

import os
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .base import FeatureExtractor

KERAS_SUFFIXES = ('.keras', '.h5', '.hdf5')


class KerasFeatures(FeatureExtractor):
    """Groups ``keras_<layer>``: layers of a Keras model, run by PyTorch.

    Takes models of HDF5 and ``.keras`` files, such as the extractor of the k-textures
    paper (https://doi.org/10.5281/zenodo.6359859), with channels last and any size of
    image. Code in files is never run. Needs the extra ``keras``.
    """

    window = 12

    def __init__(
        self,
        path: str,
        layer: str | Sequence[str],
        bands: Sequence[int] | None = None,
        mean: float = 0.0,
        std: float = 1.0,
    ) -> None:
        """Initialize a new KerasFeatures instance.

        Args:
            path: Path of the file.
            layer: Name of the layer, or names of several.
            bands: Index of the band for each channel of the model (defaults to the
                first bands).
            mean: Mean of the bands that the model expects.
            std: Standard deviation of the bands that the model expects.

        Raises:
            FileNotFoundError: If the file does not exist.
            ImportError: If Keras is not installed, or runs on another backend.
            ValueError: If the file cannot be read safely, a layer is unknown or does
                not put out a feature map, or the bands do not fit.
        """
        super().__init__()
        keras = _import_keras()
        model = _load(keras, path)
        names = [layer] if isinstance(layer, str) else list(layer)
        known = [one.name for one in model.layers]
        for name in names:
            if name not in known:
                msg = f'{path} has no layer {name!r}; its layers are {", ".join(known)}'
                raise ValueError(msg)
        shape = model.input_shape
        if not isinstance(shape, tuple) or len(shape) != 4 or not shape[-1]:
            msg = f'{path} takes {shape}, not images of shape (B, H, W, C)'
            raise ValueError(msg)
        self.bands = tuple(range(shape[-1]) if bands is None else bands)
        if len(self.bands) != shape[-1]:
            msg = f'{path} takes {shape[-1]} channels, but bands has '
            raise ValueError(msg + f'{len(self.bands)}; give one band per channel')
        self.mean, self.std = mean, std
        # Files often fix the size of the image; the layers do not.
        image = keras.Input((None, None, shape[-1]))
        free = keras.models.clone_model(model, input_tensors=image)
        free.set_weights(model.get_weights())
        outputs = {f'keras_{name}': free.get_layer(name).output for name in names}
        for name, output in outputs.items():
            if len(output.shape) != 4:
                msg = f'layer {name.removeprefix("keras_")!r} of {path} puts out '
                msg += f'{tuple(output.shape)}, not a feature map of shape (B, h, w, F)'
                raise ValueError(msg)
        self.channels = {name: int(o.shape[-1]) for name, o in outputs.items()}
        self.network = keras.Model(free.inputs, outputs)
        self.network.trainable = False

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Extract features."""
        image = x[:, list(self.bands)] * self.std + self.mean
        found: dict[str, Tensor] = self.network(
            image.movedim(1, -1).contiguous(), training=False
        )
        return {name: value.movedim(-1, 1) for name, value in found.items()}


def _import_keras() -> Any:
    os.environ.setdefault('KERAS_BACKEND', 'torch')
    try:
        import h5py  # noqa: F401
        import keras
    except ImportError as error:
        msg = f'Keras files need the extra keras ({error}); install it with '
        msg += "pip install 'torchgeo-ktextures[keras]'"
        raise ImportError(msg) from None
    if keras.backend.backend() != 'torch':
        msg = f'Keras runs on {keras.backend.backend()}, not on PyTorch; set the '
        msg += 'environment variable KERAS_BACKEND to torch before it is imported'
        raise ImportError(msg)
    return keras


def _load(keras: Any, path: str) -> Any:
    if not os.path.isfile(path):
        msg = f'Keras file {path!r} does not exist; download it, for example from '
        raise FileNotFoundError(msg + 'https://doi.org/10.5281/zenodo.6359859')
    if not path.endswith(KERAS_SUFFIXES):
        msg = f'Keras file {path!r} does not end with {", ".join(KERAS_SUFFIXES)}'
        raise ValueError(msg)
    try:
        with torch.device('cpu'):
            model = keras.models.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, OSError, KeyError, AttributeError) as error:
        reason = ' '.join(str(error).split())
        if 'ambda' in reason:
            msg = f'Keras file {path!r} has code in it, which is never run; save the '
            raise ValueError(msg + 'model without Lambda layers') from None
        msg = f'Keras file {path!r} cannot be read ({reason[:200]}); it may be '
        msg += 'truncated, or hold weights without a model'
        raise ValueError(msg) from None
    return model
