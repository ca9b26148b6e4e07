# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Sink of tiles that keeps probabilities in memory."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..datasets import PixelWindow, Windows
from ..inference.tiles import TileSink


class ShareSink(TileSink):
    """Keeps the probabilities of the classes of images in memory."""

    kinds = ('shares',)

    def __init__(self, num_classes: int) -> None:
        """Initialize a new ShareSink instance.

        Args:
            num_classes: Number of classes, K.
        """
        self.num_classes = num_classes
        #: Probabilities of each image of shape ``(H, W, K)``, NaN where invalid.
        self.shares: list[npt.NDArray[np.float32]] = []

    def on_predict_start(self, trainer: Any, pl_module: Any) -> None:
        """Make room.

        Args:
            trainer: Trainer, of which the data module has rasters or arrays.
            pl_module: Not used.
        """
        self.source = trainer.datamodule
        images: Windows = trainer.datamodule.predict_dataset
        self.shares = [
            np.full((*shape, self.num_classes), np.nan, np.float32)
            for shape in images.shapes
        ]

    def _take(
        self, w: PixelWindow, image: npt.NDArray[Any], cores: dict[str, Any]
    ) -> None:
        self.shares[w.file][w.core] = cores['shares']
