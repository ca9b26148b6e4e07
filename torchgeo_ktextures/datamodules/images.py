# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Images as users hand them over: arrays of several libraries, or paths."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

type Image = npt.NDArray[np.float32]


def paths_of(images: Any) -> list[str] | None:
    """Tell paths of rasters from arrays.

    Args:
        images: One or more paths, or arrays.

    Returns:
        Paths, or None for arrays.

    Raises:
        TypeError: If paths and arrays are mixed.
    """
    if isinstance(images, str | os.PathLike):
        return [os.fspath(images)]
    if isinstance(images, list | tuple) and images:
        which = [isinstance(image, str | os.PathLike) for image in images]
        if all(which):
            return [os.fspath(image) for image in images]
        if any(which):
            kinds = sorted({type(image).__name__ for image in images})
            msg = f'images mixes paths and arrays ({", ".join(kinds)}); give either'
            raise TypeError(msg)
    return None


def as_images(images: Any) -> tuple[list[Image], bool]:
    """Bring arrays to one form.

    Args:
        images: Array of shape ``(C, H, W)``, stack of shape ``(N, C, H, W)`` or list of
            images. NumPy, masked, PyTorch and xarray arrays are taken; invalid is what
            is NaN or infinite, masked, or, in xarray, equal to the nodata value.

    Returns:
        Images of shape ``(C, H, W)``, NaN where invalid, and whether it was only one.

    Raises:
        ValueError: If a shape is another, or the images have different bands.
    """
    single = not isinstance(images, list | tuple) and getattr(images, 'ndim', 3) != 4
    items: Sequence[Any] = [images] if single else list(images)
    if not items:
        raise ValueError('images is empty, give at least one image')
    found = [_as_image(item) for item in items]
    bands = {len(image) for image in found}
    if len(bands) > 1:
        msg = f'images have different numbers of bands ({sorted(bands)}); give all of '
        raise ValueError(msg + 'them the same bands')
    return found, single


def _as_image(item: Any) -> Image:
    nodata = None
    if hasattr(item, 'encoding') and hasattr(item, 'dims'):  # xarray
        nodata = item.encoding.get('_FillValue', item.attrs.get('_FillValue'))
    if hasattr(item, 'detach'):
        item = item.detach().cpu()
    if isinstance(item, np.ma.MaskedArray):
        item = np.where(np.ma.getmaskarray(item), np.nan, item.data)
    array = np.asarray(item)
    if np.iscomplexobj(array):
        raise ValueError(f'Complex data not supported: images are {array.dtype}')
    if array.ndim != 3:
        msg = f'an image has shape {array.shape}, but (C, H, W) is expected; '
        raise ValueError(msg + 'bands come first, np.moveaxis brings them there')
    if not array.size:
        raise ValueError(f'an image has shape {array.shape}, which holds no pixel')
    image: Image = array.astype(np.float32)
    if nodata is not None and not np.isnan(nodata):
        missing = array == nodata
        # A single zero may be a value, as of water in the near infrared.
        image[:, missing.all(0) if nodata == 0 else missing.any(0)] = np.nan
    return image
