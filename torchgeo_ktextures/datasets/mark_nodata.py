# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Pixels without data in samples of TorchGeo, which marks none."""

from torch import Tensor

from .sample import Sample

#: Height and width of a block of zeros that no scene shows by chance.
_BLOCK = 8


def has_data(image: Tensor, nodata: float) -> Tensor:
    """Find the pixels that have data.

    Args:
        image: Bands of shape ``(..., C, H, W)``.
        nodata: Value of all bands of a pixel without data.

    Returns:
        1 where a band has another value, else 0, of shape ``(..., 1, H, W)``.
    """
    return (image != nodata).any(-3, keepdim=True).to(image.dtype)


def has_zero_block(image: Tensor) -> bool:
    """Whether a batch has a block of pixels that are zero in all bands.

    Args:
        image: Bands of shape ``(B, C, H, W)``.

    Returns:
        True if it has.
    """
    height, width = (n // _BLOCK for n in image.shape[-2:])
    zero = (image == 0).all(1)[:, : height * _BLOCK, : width * _BLOCK]
    blocks = zero.reshape(-1, height, _BLOCK, width, _BLOCK)
    return bool(blocks.all(4).all(2).any())


class MarkNodata:
    """Tells which pixels of a sample have data.

    TorchGeo fills what no file covers with the nodata value of the files, or zeros. As
    a transform of a dataset, this adds ``mask_valid`` (1, H, W), as the datasets of this
    package have it: 0 where all bands have the value, else 1.

    Example:
        >>> import torch
        >>> sample = MarkNodata(0)({'image': torch.zeros(4, 8, 8)})
        >>> sample['mask_valid'].shape, float(sample['mask_valid'].sum())
        (torch.Size([1, 8, 8]), 0.0)
    """

    def __init__(self, nodata: float = 0) -> None:
        """Initialize a new MarkNodata instance.

        Args:
            nodata: Value of all bands of a pixel without data.
        """
        self.nodata = nodata

    def __call__(self, sample: Sample) -> Sample:
        """Mark the pixels of a sample.

        Args:
            sample: Sample with ``image`` of shape (C, H, W).

        Returns:
            The sample, with ``mask_valid``.
        """
        sample['mask_valid'] = has_data(sample['image'], self.nodata)
        return sample

    def __repr__(self) -> str:
        """Return what makes this transform."""
        return f'MarkNodata({self.nodata:g})'
