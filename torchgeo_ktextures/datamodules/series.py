# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Arrays of xarray with several dates, as an image for each of them."""

from collections.abc import Callable, Sequence
from typing import Any

from .xarray_dims import role_of
from .xarrays import is_xarray

#: Brings what was made of images back to the form in which they were given.
type Join = Callable[[Sequence[Any]], Any]


def split_dates(images: Any) -> tuple[Any, Join | None]:
    """Take each date of an array or a dataset of xarray for an image.

    Args:
        images: One image, or a list of them, see :func:`.images.as_images`.

    Returns:
        Images without a dimension of several dates, and what puts their labels together
        again along it, or None if there was none.
    """
    single = not isinstance(images, list | tuple)
    items = [images] if single else list(images)
    dims = [_time_of(item) for item in items]
    if all(dim is None for dim in dims):
        return images, None
    counts = [
        1 if d is None else item.sizes[d] for item, d in zip(items, dims, strict=True)
    ]
    dates = [
        part
        for item, dim in zip(items, dims, strict=True)
        for part in ([item] if dim is None else _dates(item, dim))
    ]

    def join(labels: Sequence[Any]) -> Any:
        rest = iter(labels)
        found = []
        for dim, count in zip(dims, counts, strict=True):
            some = [next(rest) for _ in range(count)]
            found.append(some[0] if dim is None else _stack(some, dim))
        return found[0] if single else found

    return dates, join


def _time_of(item: Any) -> Any:
    """Dimension of several dates, or None."""
    if not is_xarray(item):
        return None
    times = [d for d in item.dims if role_of(item, d) == 'time' and item.sizes[d] > 1]
    return times[0] if len(times) == 1 else None


def _dates(item: Any, dim: Any) -> list[Any]:
    return [item.isel({dim: i}) for i in range(item.sizes[dim])]


def _stack(labels: Sequence[Any], dim: Any) -> Any:
    """Put labels of dates together, of shape ``(time, H, W)``."""
    from xarray import concat  # there, as images came from it

    found = concat(
        labels, dim, coords='different', compat='equals', combine_attrs='override'
    )
    found.encoding = labels[0].encoding
    return found
