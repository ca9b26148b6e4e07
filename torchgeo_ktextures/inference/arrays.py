# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Sink of tiles that keeps labels in memory."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ..datamodules.scenes import RasterScenes
from ..datasets import PixelWindow, Windows, core_of
from ..datasets.sample import Sample
from ..models import KTexturesModel, LabelNetwork, finite_pixels
from .prediction import TileModel
from .statistics import ClassStatistics
from .tiles import TileSink, predict_tiles


class ArraySink(TileSink):
    """Keeps the labels of images in memory, and counts their classes."""

    def __init__(self, num_classes: int) -> None:
        """Initialize a new ArraySink instance.

        Args:
            num_classes: Number of classes, k.
        """
        self.num_classes = num_classes
        #: Names of the images.
        self.files: Sequence[str] = ()
        #: Labels of each image of shape ``(H, W)``, -1 where invalid.
        self.labels: list[npt.NDArray[np.int64]] = []
        #: Statistics of the bands of each image as the network sees them.
        self.statistics: list[ClassStatistics] = []

    def on_predict_start(self, trainer: Any, pl_module: Any) -> None:
        """Make room.

        Args:
            trainer: Trainer, of which the data module has rasters or arrays.
            pl_module: Not used.
        """
        self.source = trainer.datamodule
        images: Windows = trainer.datamodule.predict_dataset
        self.files = images.files
        self.labels = [np.full(shape, -1, np.int64) for shape in images.shapes]
        self.statistics = [
            ClassStatistics(self.num_classes, height) for height, _ in images.shapes
        ]

    def _take(
        self, w: PixelWindow, image: npt.NDArray[Any], cores: dict[str, Any]
    ) -> None:
        self.labels[w.file][w.core] = cores['labels']
        self.statistics[w.file].update(cores['labels'], image, w.core_row)


class _Labeller(TileModel):
    """Labels tiles with a copy of a model, so that several threads can at once."""

    def __init__(self, model: KTexturesModel) -> None:
        super().__init__()
        self.network = LabelNetwork(model)

    def predict_step(self, batch: Sample, batch_idx: int) -> dict[str, Tensor]:
        valid = finite_pixels(batch['image']) * batch['mask_valid']
        core = core_of(batch)
        return self.network.predict(batch['image'], valid, core=core)


def label_images(
    model: KTexturesModel, data: RasterScenes, device: str = 'auto'
) -> ArraySink:
    """Label whole images.

    Args:
        model: Fitted model, which is left as it is.
        data: Data module of the images.
        device: See :func:`~torchgeo_ktextures.devices.find_device`.

    Returns:
        What was found.
    """
    sink = ArraySink(model.num_classes)
    predict_tiles(_Labeller(model), data, sink, device)
    return sink


def label_patches(
    model: KTexturesModel, images: Sequence[Tensor], valids: Sequence[Tensor]
) -> ClassStatistics:
    """Label patches, and forget the labels.

    Args:
        model: Fitted model, which is left as it is.
        images: Batches of bands of shape ``(B, C, H, W)``.
        valids: Validity of each batch, of shape ``(B, 1, H, W)``.

    Returns:
        Statistics of the classes.
    """
    network = LabelNetwork(model).to(images[0].device)
    statistics = ClassStatistics(model.num_classes, images[0].shape[-2])
    for image, valid in zip(images, valids, strict=True):
        labels = network.predict(image, valid)['labels'].cpu().numpy()
        for pair in zip(labels, image.cpu().numpy(), strict=True):
            statistics.update(*pair)
    return statistics
