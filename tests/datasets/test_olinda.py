# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import matplotlib.pyplot as plt
import pytest
import torch
from torchgeo.datasets import RGBBandsMissingError, UnionDataset

from torchgeo_ktextures.datasets import Olinda


def test_olinda() -> None:
    dataset = Olinda()
    assert len(dataset) == 1
    assert dataset.crs.to_epsg() == 31985
    assert dataset.res == pytest.approx((28.5, 28.5))
    sample = dataset[dataset.bounds]
    assert sample['image'].shape == (4, 352, 349)
    assert sample['image'].dtype == torch.float32
    assert set(sample) == {'image', 'bounds', 'transform'}
    # Water is darker in the near infrared than in the green, in the south-east.
    corner = sample['image'][:, 300:, 300:].mean((1, 2))
    assert corner[3] < corner[1]
    dataset.plot(sample, suptitle='Olinda')
    plt.close()
    assert isinstance(dataset | dataset, UnionDataset)


def test_bands() -> None:
    dataset = Olinda(bands=['nir', 'red'])
    sample = dataset[dataset.bounds]
    assert torch.equal(sample['image'], Olinda()[dataset.bounds]['image'][[3, 0]])
    with pytest.raises(RGBBandsMissingError):
        dataset.plot(sample)


def test_invalid_query() -> None:
    with pytest.raises(IndexError, match='not found in dataset'):
        Olinda()[0:1, 0:1]
