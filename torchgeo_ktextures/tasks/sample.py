# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""The sample of the training data that classes are found in."""

from collections.abc import Callable, Iterable
from typing import Any, cast

from lightning.pytorch import Trainer
from torch import Tensor

from ..datasets.sample import Sample


def draw_sample(
    trainer: Trainer, inputs: Callable[[Sample], tuple[Tensor, Tensor]], count: int
) -> tuple[list[Tensor], list[Tensor]]:
    """Take patches from the training data.

    Args:
        trainer: Trainer with the data.
        inputs: What makes bands and their validity of a batch.
        count: Number of patches, at least.

    Returns:
        Batches of bands of shape ``(B, C, H, W)``, and of their validity, of shape
        ``(B, 1, H, W)``.
    """
    data: Any = getattr(trainer, 'datamodule', None)
    # What stands for all data, if the data module knows: then classes do not depend on
    # which patches are drawn first.
    if hasattr(data, 'sample_dataloader'):
        loader = cast(Iterable[Sample], data.sample_dataloader(count))
    else:
        loader = cast(Iterable[Sample], trainer.train_dataloader)
    images: list[Tensor] = []
    valids: list[Tensor] = []
    for batch in loader:
        # This calls the hooks of the data module as well.
        image, valid = inputs(trainer.strategy.batch_to_device(batch))
        images.append(image)
        valids.append(valid)
        if sum(map(len, images)) >= count:
            break
    return images, valids
