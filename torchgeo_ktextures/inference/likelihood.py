# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""How likely images are, by the classes of a model."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..datamodules.scenes import RasterScenes
from ..datasets import PixelWindow
from ..datasets.sample import Sample
from ..losses import pad_to_grid
from ..models import finite_pixels
from .prediction import TileModel
from .tiles import TileSink, predict_tiles

if TYPE_CHECKING:
    from ..tasks import KTextures


class _Mean(TileSink):
    """Mean over all valid pixels."""

    kinds: Collection[str] = ('likelihood',)

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def on_predict_start(self, trainer: Any, pl_module: Any) -> None:
        self.source = trainer.datamodule

    def _take(
        self, w: PixelWindow, image: npt.NDArray[Any], cores: dict[str, Any]
    ) -> None:
        values = cores['likelihood']
        inside = values[np.isfinite(values)]
        self.total += float(inside.sum(dtype=np.float64))
        self.count += len(inside)


class _Likelihood(TileModel):
    """Log-likelihood of the cell of each pixel."""

    def __init__(self, task: 'KTextures') -> None:
        super().__init__()
        self.task = task

    def predict_step(self, batch: Sample, batch_idx: int) -> dict[str, Tensor]:
        model, criterion = self.task.model, self.task.criterion
        image = batch['image']
        valid = finite_pixels(image) * batch['mask_valid']
        x, inside = pad_to_grid(model.prepare(image, valid), valid)
        features = criterion.similarity.features(x, inside)
        cells = criterion.clusters.log_likelihood(features, x, inside)
        stride = self.task.hparams['mask_stride']
        pixels = cells.repeat_interleave(stride, 1).repeat_interleave(stride, 2)
        pixels = pixels[:, : image.shape[-2], : image.shape[-1]]
        invalid = valid[:, 0] <= 0
        found = {'likelihood': pixels.masked_fill(invalid, torch.nan)}
        return found | {'labels': invalid}


def mean_log_likelihood(
    task: 'KTextures', data: RasterScenes, device: str = 'auto'
) -> float:
    """Compute the mean log-likelihood of the cells of images.

    Args:
        task: Fitted task.
        data: Data module of the images.
        device: See :func:`~torchgeo_ktextures.devices.find_device`.

    Returns:
        Mean over all valid pixels, in nats, but for a constant; NaN if there are none.
    """
    sink = _Mean()
    predict_tiles(_Likelihood(task), data, sink, device)
    task.cpu()
    return sink.total / sink.count if sink.count else float('nan')
