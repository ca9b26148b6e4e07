# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Batches as TorchGeo and users' own loops hand them to tasks."""

import warnings

import pytest
import torch
from torch import Tensor

from torchgeo_ktextures.datasets import MarkNodata
from torchgeo_ktextures.errors import DataWarning
from torchgeo_ktextures.tasks import FeatureDistillation, KTextures


@pytest.fixture
def image() -> Tensor:
    """Two images, one of which has a corner that TorchGeo filled in."""
    image = torch.rand(2, 4, 32, 32) + 1
    image[1, :, :9, :16] = 0
    return image


def test_training_step_without_a_trainer(image: Tensor) -> None:
    for task in (KTextures(2, features=['color']), FeatureDistillation(['texture'])):
        with pytest.raises(RuntimeError, match=r'inside of Trainer\.fit.*\.fit\(task'):
            task.training_step({'image': image}, 0)


def test_unfitted_task_does_not_predict(image: Tensor) -> None:
    with pytest.raises(RuntimeError, match='never fitted'):
        KTextures(2, features=['color']).predict_step({'image': image}, 0)


def test_zeros_are_told_and_left_out(image: Tensor) -> None:
    task = KTextures(2, features=['color'])
    task.fitted.fill_(True)
    with pytest.warns(DataWarning, match=r'blocks of zeros.*nodata=0'):
        labels = task.predict_step({'image': image}, 0)['labels']
    assert labels is not None
    assert (labels >= 0).all()
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        task.predict_step({'image': image}, 0)  # it was said once
        told = KTextures(2, features=['color'], nodata=0)
        told.fitted.fill_(True)
        samples = [MarkNodata(0)({'image': one}) for one in image]
        marked = torch.stack([sample['mask_valid'] for sample in samples])
        for model, batch in (
            (told, {'image': image}),
            (task, {'image': image, 'mask_valid': marked}),
        ):
            labels = model.predict_step(batch, 0)['labels']
            assert labels is not None
            assert ((labels < 0) == (image == 0).all(1)).all()
