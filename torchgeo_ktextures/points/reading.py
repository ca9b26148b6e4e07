# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Patches and windows of images, as a fitted segmenter sees them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..datamodules.inputs import Inputs
from ..datasets import PixelWindow, Windows
from ..datasets.sample import Sample
from ..inference import margin_of
from ..models import MASK_STRIDES, finite_pixels
from .settings import BATCH, PATCHES

if TYPE_CHECKING:
    from ..estimator import KTexturesSegmenter

#: Points within a square of this many pixels are read together.
_BLOCK = 64


def draw_patches(
    segmenter: 'KTexturesSegmenter', images: Any
) -> list[tuple[Tensor, Tensor]]:
    """Take patches that stand for images.

    Args:
        segmenter: Fitted estimator.
        images: Images, as the estimator takes them.

    Returns:
        Bands of shape ``(B, C, H, W)`` and validity of shape ``(B, 1, H, W)`` of each
        batch.

    Raises:
        FileNotFoundError: If a path does not exist.
        ValueError: If the images do not have the bands of the training images.
    """
    return [(b['image'], validity(b)) for b in draw_batches(segmenter, images)]


def draw_batches(segmenter: 'KTexturesSegmenter', images: Any) -> list[Sample]:
    """Take patches that stand for images, and where they are.

    Args:
        segmenter: Fitted estimator.
        images: Images, as the estimator takes them.

    Returns:
        Batches with ``image`` (B, C, H, W), ``mask_valid`` and ``window`` (B, 9).

    Raises:
        FileNotFoundError: If a path does not exist.
        ValueError: If the images do not have the bands of the training images.
    """
    inputs = segmenter.inputs_of(images, batch_size=BATCH, length=PATCHES)
    inputs.prepare_fit(segmenter.patch_size)
    inputs.data.setup('fit')
    batches: list[Sample] = []
    for batch in inputs.data.sample_dataloader(PATCHES):
        batches.append(batch)
        if sum(len(b['image']) for b in batches) >= PATCHES:
            break
    return batches


def feature_inputs(segmenter: 'KTexturesSegmenter', images: Any) -> 'Inputs':
    """Take images of which the features of places are wanted.

    Args:
        segmenter: Fitted estimator.
        images: Images, as the estimator takes them.

    Returns:
        The images, to be predicted in tiles with the context of all features.

    Raises:
        FileNotFoundError: If a path does not exist.
        ValueError: If the images do not have the bands of the training images.
    """
    # As much as the mask network needs, whether it is needed or not.
    margin = margin_of(segmenter.task_.model.mask_network.context)
    return segmenter.inputs_of(images, margin=margin)


def validity(batch: Sample) -> Tensor:
    """Find the valid pixels of a batch.

    Args:
        batch: Batch with ``image`` (B, C, H, W) and ``mask_valid``.

    Returns:
        1 where valid, else 0, of shape ``(B, 1, H, W)``.
    """
    finite = finite_pixels(batch['image'])
    return finite * (batch['mask_valid'].reshape(finite.shape) > 0)


def windows_in(inputs: Inputs) -> Windows:
    """Images to be predicted.

    Args:
        inputs: Images, of which the data module is set up to predict.

    Returns:
        The dataset of their windows.
    """
    return cast(Windows, inputs.data.predict_dataset)


class PointWindow(NamedTuple):
    """A window around some points."""

    #: What was read, a batch of one.
    batch: Sample
    #: Bands of shape ``(1, C, H, W)``, and validity of shape ``(1, 1, H, W)``.
    image: Tensor
    valid: Tensor
    #: Numbers of the points, and their rows and columns in the window.
    numbers: npt.NDArray[np.intp]
    rows: npt.NDArray[np.int64]
    cols: npt.NDArray[np.int64]


def windows_of(inputs: Inputs, points: npt.NDArray[np.int64]) -> Iterator[PointWindow]:
    """Read windows around points, with all that a tile would know of them.

    Args:
        inputs: Images, of which the data module is set up to predict.
        points: Image, row and column of each point, of shape ``(N, 3)``.

    Yields:
        Windows; each point is in one of them.
    """
    dataset, margin = windows_in(inputs), inputs.data.margin
    coarsest = MASK_STRIDES[-1]
    blocks = np.column_stack([points[:, 0], points[:, 1:] // _BLOCK])
    for block in np.unique(blocks, axis=0):
        numbers = np.flatnonzero((blocks == block).all(1))
        file = int(block[0])
        ends = []
        for first, length in zip(block[1:] * _BLOCK, dataset.shapes[file], strict=True):
            # As tiles, windows begin on the grid of the coarsest features.
            start = max(0, int(first) - margin) // coarsest * coarsest
            ends.append((start, min(length, int(first) + _BLOCK + margin)))
        (top, bottom), (left, right) = ends
        place = (top, left, bottom - top, right - left)
        sample = dataset[PixelWindow(file, *place, *place)]
        batch = {name: torch.as_tensor(v)[None] for name, v in sample.items()}
        rows, cols = points[numbers, 1] - top, points[numbers, 2] - left
        valid = validity(batch)
        yield PointWindow(batch, batch['image'], valid, numbers, rows, cols)
