# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Images as users hand them over: arrays of several libraries, or paths."""

import math
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..datasets.array_image import ArrayImage, BandArray, check_type
from ..datasets.dask_blocks import BlockCache, DaskBlocks
from ..datasets.validity import as_values
from .xarrays import is_stack, is_xarray, xarray_image

#: More bands than this are not taken for pixels by mistake, nor fewer pixels for bands.
_FEW = 16


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


def as_images(
    images: Any,
    nodata: float | Sequence[float] | None = None,
    names: Sequence[str] | None = None,
) -> tuple[list[ArrayImage], bool]:
    """Bring arrays to one form.

    Args:
        images: Array of shape ``(C, H, W)``, stack of shape ``(N, C, H, W)`` or list of
            images. NumPy, masked, PyTorch, dask and xarray arrays are taken, and
            datasets of xarray, of which the variables are bands; invalid is what is
            NaN or infinite, masked, or, in xarray, equal to a nodata value.
        nodata: Further values that mean no data.
        names: Names of the bands in the order that is wanted, for images with names
            (defaults to those of the first).

    Returns:
        Images, and whether it was only one.

    Raises:
        TypeError: If an image does not hold real numbers.
        ValueError: If a shape is another, or the images have different bands.
    """
    if is_xarray(images) and not hasattr(images, 'data_vars') and is_stack(images):
        images = list(images)
    single = not isinstance(images, list | tuple) and (
        is_xarray(images) or getattr(images, 'ndim', 3) != 4
    )
    items: Sequence[Any] = [images] if single else list(images)
    if not items:
        raise ValueError('images is empty, give at least one image')
    values = as_values(nodata)
    cache = BlockCache()
    found, unsure = [], []
    for item in items:
        image, named = (
            xarray_image(item, values, cache)
            if is_xarray(item)
            else (_array_image(item, values, cache), False)
        )
        if not math.prod(image.shape):
            raise ValueError(f'an image has shape {image.shape}, which holds no pixel')
        found.append(image)
        unsure.append(not named and _bands_last(image.shape))
    if all(unsure):
        count, height, width = found[0].shape
        msg = f'an image has shape {found[0].shape}, which would be {count} bands of '
        msg += (
            f'{height} x {width} pixels; bands come first, np.moveaxis(image, -1, 0) '
        )
        msg += 'brings them there. If they are first, name the dimensions: '
        raise ValueError(msg + "xarray.DataArray(image, dims=('band', 'y', 'x'))")
    bands = {len(image) for image in found}
    if len(bands) > 1:
        msg = f'images have different numbers of bands ({sorted(bands)}); give all of '
        raise ValueError(msg + 'them the same bands')
    return match_names(found, names), single


def match_names(
    images: Sequence[ArrayImage], names: Sequence[str] | None = None
) -> list[ArrayImage]:
    """Bring bands that have names to one order.

    Args:
        images: Images of the same number of bands.
        names: Names of the bands in the order that is wanted (defaults to those of the
            first image that has names).

    Returns:
        The images. Those without names, or with altogether other ones, are as before.

    Raises:
        ValueError: If some of the bands are the same, but not all.
    """
    found = []
    for image in images:
        if image.names is None:
            found.append(image)
            continue
        names = names if names is not None else image.names
        common = set(names) & set(image.names)
        if not common:
            found.append(image)
            continue
        if len(common) < len(names):
            msg = f'an image has bands {", ".join(image.names)}, but '
            msg += f'{", ".join(names)} are expected; give images of the same bands, '
            raise ValueError(msg + 'under the same names')
        order = [image.order[image.names.index(name)] for name in names]
        found.append(replace(image, names=tuple(names), order=order))
    return found


def _bands_last(shape: tuple[int, int, int]) -> bool:
    """Whether the last axis has as many entries as bands, and the others as pixels."""
    return shape[2] <= _FEW < min(shape[:2])


def _array_image(item: Any, nodata: Sequence[float], cache: BlockCache) -> ArrayImage:
    mask = None
    if isinstance(item, Tensor):
        item, nodata = _from_torch(item, nodata)
    if isinstance(item, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(item) if item.mask is not np.ma.nomask else None
        item = item.data
    lazy = hasattr(item, '__dask_graph__')
    array = item if lazy else np.asarray(item)
    if array.dtype.kind != 'O':
        check_type(array.dtype)
    if array.ndim != 3:
        what = '' if array.ndim else f' ({type(item).__name__})'
        msg = f'an image has shape {array.shape}{what}, but (C, H, W) is expected; '
        msg += 'bands come first, np.moveaxis brings them there'
        if array.ndim == 2:
            msg += ', and np.stack makes an image of a list of bands'
        raise ValueError(msg)
    if array.dtype.kind == 'O':
        array = array.astype(float) if lazy else _as_numbers(array)
    values = DaskBlocks(array, cache) if lazy else array
    return ArrayImage([BandArray(values, [nodata] * array.shape[0], mask)])


def _as_numbers(array: npt.NDArray[np.object_]) -> npt.NDArray[np.float64]:
    try:
        return array.astype(float)
    except (TypeError, ValueError) as error:
        msg = f'an image is of type object and holds what is no number ({error}); '
        raise TypeError(msg + 'give it a type with .astype(float)') from None


def _from_torch(
    item: Tensor, nodata: Sequence[float]
) -> tuple[npt.NDArray[Any], Sequence[float]]:
    item = item.detach().cpu().resolve_conj().resolve_neg()
    try:
        return item.numpy(), nodata
    except TypeError:
        # NumPy does not know bfloat16: nodata is rounded as the image has been.
        rounded = torch.tensor(nodata, dtype=torch.float64).to(item.dtype)
        return item.to_dense().float().numpy(), rounded.double().tolist()
