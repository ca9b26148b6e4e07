# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Prediction with a fitted model, in plain PyTorch."""

import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from ..datasets import core_of
from ..datasets.mark_nodata import has_data, has_zero_block
from ..datasets.sample import Sample
from ..errors import DataWarning
from ..models import KTexturesModel, LabelNetwork, finite_pixels
from ..models.class_colors import model_colors


class TileModel(nn.Module):
    """Network that predicts tiles, as tasks of Lightning do."""

    #: Whether only the cores of tiles are wanted, which are all that is written.
    cores_only = False

    def on_predict_start(self) -> None:
        """Prepare to predict."""

    def on_predict_end(self) -> None:
        """Forget what was prepared."""

    @abstractmethod
    def predict_step(self, batch: Sample, batch_idx: int) -> Mapping[str, Any]:
        """Predict a batch.

        Args:
            batch: Batch of tiles.
            batch_idx: Number of the batch.

        Returns:
            'labels' (B, H, W), -1 where invalid, or 'probabilities' (B, C, H, W), and
            what else the sink of the tiles takes.
        """


class Predictor(TileModel):
    """Predicts labels, and what else is asked for."""

    model: KTexturesModel

    #: Whether statistics were estimated, now or before the checkpoint.
    fitted: Tensor

    #: In which order classes merge, see :class:`~.clustering.Initialization`.
    linkage: Tensor

    #: What the model was made with.
    hparams: Any

    #: What predictions hold, of 'labels', 'probabilities' and 'confidence'.
    predict_keys: Sequence[str] = ('labels', 'probabilities')

    #: Whether there was a warning of zeros that may be no data.
    _warned = False

    @property
    def context(self) -> int:
        """Number of pixels around a pixel that decide its class, at most."""
        return self.model.context

    def _inputs(self, batch: Sample) -> tuple[Tensor, Tensor]:
        """Image and validity of a batch."""
        image: Tensor = batch['image']
        expected: int = self.hparams['in_channels']
        if image.ndim != 4 or image.shape[1] != expected:
            msg = f'images of shape {tuple(image.shape)} do not have '
            msg += f'in_channels={expected} bands; change in_channels or the bands of '
            msg += 'the data'
            raise ValueError(msg)
        valid = finite_pixels(image)
        if 'mask_valid' in batch:
            valid = valid * (batch['mask_valid'].reshape(valid.shape) > 0)
        elif self.hparams.get('nodata') is not None:
            valid = valid * has_data(image, self.hparams['nodata'])
        elif not self._warned and has_zero_block(image):
            self._warned = True
            msg = 'a batch has blocks of zeros in all bands, which count as data; if '
            msg += 'they are what TorchGeo fills in around scenes, leave them out with '
            msg += "KTextures(nodata=0), or the dataset's transforms=MarkNodata(0)"
            warnings.warn(msg, DataWarning, stacklevel=2)
        return image, valid

    def predict_step(
        self, batch: Sample, batch_idx: int, dataloader_idx: int = 0
    ) -> dict[str, Tensor | None]:
        """Compute the class of each pixel.

        Args:
            batch: The output of your DataLoader.
            batch_idx: Integer displaying index of this batch.
            dataloader_idx: Index of the current dataloader.

        Returns:
            Dictionary with 'bounds', 'transform' and what :attr:`predict_keys` names:
            'labels' (B, H, W) and 'confidence' (B, H, W) in percent, both -1 where
            invalid, and 'probabilities' (B, k, H, W).

        Raises:
            RuntimeError: If the model was never fitted.
            ValueError: If the batch has another number of bands.
        """
        image, valid = self._inputs(batch)
        network = getattr(self, 'network', None)
        if network is None:  # in a loop of the user's own
            self._require_fitted('predict')
            network = LabelNetwork(self.model)
        core = core_of(batch) if self.cores_only else None
        return network.predict(image, valid, self.predict_keys, core) | {
            'bounds': batch.get('bounds'),
            'transform': batch.get('transform'),
        }

    def map_colors(self) -> dict[int, tuple[int, int, int, int]]:
        """Colours of the classes in maps.

        Returns:
            Red, green, blue and alpha in 0..255 by class.
        """
        data = getattr(getattr(self, '_trainer', None), 'datamodule', None)
        # A data module with statistics has normalized the bands by them.
        if data is None or getattr(data, 'statistics', None) is None:
            return model_colors(self.model)
        return model_colors(self.model, data.restore)

    def on_predict_start(self) -> None:
        """Refuse to predict with an unfitted model, and prepare a fast copy of it."""
        self._require_fitted('predict')
        self.network = LabelNetwork(self.model)

    def on_predict_end(self) -> None:
        """Forget the copy."""
        del self.network

    def _require_fitted(self, verb: str) -> None:
        if not self.fitted:
            msg = f'cannot {verb} with a model that was never fitted; fit it first, '
            msg += 'then give its checkpoint with --ckpt_path'
            raise RuntimeError(msg)
