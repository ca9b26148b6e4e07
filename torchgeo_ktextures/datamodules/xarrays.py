# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Images from arrays and datasets of xarray, and maps of labels back to them.

Nothing here imports xarray: what comes in is told by what it has.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from ..datasets.array_image import ArrayImage, BandArray, check_type
from ..datasets.band_names import DEFAULT_BANDS, find_by_name, find_by_sensor
from ..datasets.dask_blocks import BlockCache, DaskBlocks
from ..errors import DataWarning
from .xarray_dims import find_dims, role_of
from .xarray_tags import nodata_of, scaling_of

#: Attributes that tell where an image is.
_GEOREFERENCE = ('grid_mapping', 'crs', 'crs_wkt', 'transform', 'res')

#: Names of layers of quality and of coordinate reference systems, in lower case.
_QUALITY = (
    'crs cloud_mask datamask fmask mask pixel_qa qa qa60 qa_pixel qa_radsat quality '
    'scl spatial_ref udm udm2'
)


def is_xarray(item: Any) -> bool:
    """Whether an image is an array or a dataset of xarray."""
    return all(hasattr(item, name) for name in ('dims', 'coords', 'encoding'))


def is_stack(item: Any) -> bool:
    """Whether an array of xarray has four dimensions, and nothing names them."""
    return len(item.dims) == 4 and all(
        str(dim) == f'dim_{i}' for i, dim in enumerate(item.dims)
    )


def xarray_image(
    item: Any, nodata: Sequence[float], cache: BlockCache
) -> tuple[ArrayImage, bool]:
    """Take an array or a dataset of xarray for an image.

    Args:
        item: Array, or dataset of which the variables are bands.
        nodata: Further values that mean no data.
        cache: Cache of the blocks of dask.

    Returns:
        The image, and whether its dimensions are known by name.

    Raises:
        ValueError: If dimensions or attributes do not fit.
    """
    arrays = _variables(item) if hasattr(item, 'data_vars') else [item]
    parts: list[BandArray] = []
    names: list[str | None] = []
    named = True
    for array in arrays:
        part, mine, known = _part(array, nodata, cache)
        if parts and part.values.shape[1:] != parts[0].values.shape[1:]:
            msg = f'variable {array.name!r} has {part.values.shape[1:]} pixels, but '
            msg += f'{arrays[0].name!r} has {parts[0].values.shape[1:]}; bring them to '
            raise ValueError(msg + 'one grid, or choose with dataset[[...]]')
        count = part.values.shape[0]
        if mine is None and len(arrays) > 1:
            numbers = range(1, count + 1)
            mine = [f'{array.name}_{i}' for i in numbers] if count > 1 else [array.name]
        parts.append(part)
        names.extend(mine or [None] * count)
        named &= known
    order, renamed = _in_order(None if None in names else [str(n) for n in names])
    return ArrayImage(parts, renamed, order, Wrap(_plane(arrays[0]))), named


def _part(
    array: Any, nodata: Sequence[float], cache: BlockCache
) -> tuple[BandArray, Sequence[Any] | None, bool]:
    dims = find_dims(array)
    array = array.isel(dict.fromkeys(dims.extra, 0))
    if dims.band is None:
        count, names = 1, None
    else:
        count = array.sizes[dims.band]
        names = _band_names(array, dims.band)
        array = array.transpose(dims.band, dims.y, dims.x)
    tags = nodata_of(array, count), scaling_of(array, count)
    if dims.band is None:
        array = array.expand_dims('band').transpose('band', dims.y, dims.x)
    if array.dtype.kind == 'O':
        array = array.astype(float)
    check_type(array.dtype)
    # Without dask, an array that is still in its file is read window by window.
    values = array if array.chunks is None else DaskBlocks(array.data, cache)
    known = [[*mine, *nodata] for mine in tags[0]]
    return BandArray(values, known, scaling=tags[1]), names, dims.named


def _band_names(array: Any, dim: Any) -> Sequence[Any] | None:
    """Names of bands by their coordinate, or by the attribute that rioxarray sets."""
    if dim in array.coords and array.coords[dim].dtype.kind in 'OUST':
        names: list[Any] = array.coords[dim].values.tolist()
        return names if all(isinstance(name, str) for name in names) else None
    names = array.attrs.get('long_name')
    if isinstance(names, list | tuple) and len(names) == array.sizes[dim]:
        return names if all(isinstance(name, str) for name in names) else None
    return None


def _in_order(
    names: Sequence[str] | None,
) -> tuple[Sequence[int], tuple[str, ...] | None]:
    """Order of the bands, red, green, blue and nir first, and their names in it."""
    if names is None or len(set(names)) < len(names):
        return (), None
    known = [find_by_name(names, band) for band in DEFAULT_BANDS]
    if None in known[:3]:
        sensor = find_by_sensor(names, '')
        known = [None] * 3 if sensor is None else list(sensor[1])
    first = [] if None in known[:3] else [i - 1 for i in known if i is not None]
    rest = [i for i in range(len(names)) if i not in first]
    found = [*DEFAULT_BANDS[: len(first)], *(names[i] for i in rest)]
    return [*first, *rest], tuple(found)


def _variables(dataset: Any) -> list[Any]:
    """Bands of a dataset, without what is no band."""
    found, left_out = [], []
    for name, array in dataset.data_vars.items():
        large = [dim for dim, n in zip(array.dims, array.shape, strict=True) if n > 1]
        place = len(str(name)) > 1 and role_of(array, name) in ('y', 'x')
        if place or array.dtype.kind not in 'biuf' or len(array.dims) < 2:
            continue
        roles = {role_of(array, dim) for dim in array.dims}
        if not {'y', 'x'} <= roles and (roles & {'y', 'x'} or len(large) < 2):
            continue
        flags = any(str(key).startswith('flag_') for key in array.attrs)
        if flags or str(name).lower() in _QUALITY.split():
            left_out.append(str(name))
            continue
        found.append(_with_attributes(dataset, array))
    if not found:
        names = ', '.join(map(str, dataset.data_vars)) or 'none'
        msg = f'a Dataset has no variable with rows and columns (variables: {names}); '
        raise ValueError(msg + 'give one whose variables are bands')
    if left_out:
        msg = f'{", ".join(left_out)}: taken for quality, not for bands; choose '
        warnings.warn(
            msg + 'bands yourself with dataset.to_dataarray()', DataWarning, 2
        )
    return found


def _with_attributes(dataset: Any, array: Any) -> Any:
    """A variable with nodata and the coordinate reference system of its dataset."""
    shared = (*_GEOREFERENCE, '_FillValue', 'missing_value', 'nodata')
    attributes = {k: dataset.attrs[k] for k in shared if k in dataset.attrs}
    array = array.assign_attrs(attributes | array.attrs)
    mapping = array.attrs.get('grid_mapping', array.encoding.get('grid_mapping', ''))
    for name in (str(mapping).split(':')[0].strip(), 'spatial_ref', 'crs'):
        if name in dataset.data_vars and not dataset[name].dims:
            return array.assign_coords({name: dataset[name]})
    return array


def _plane(array: Any) -> Any:
    """One band of an array, for its coordinates."""
    dims = find_dims(array)
    plane = array.isel(dict.fromkeys(dims.extra, 0))
    if dims.band is not None:
        plane = plane.isel({dims.band: 0}, drop=True)
    return plane.transpose(dims.y, dims.x)


@dataclass(frozen=True)
class Wrap:
    """Turns labels into an array of xarray on the grid of an image."""

    #: One band of the image.
    plane: Any

    def __call__(self, labels: npt.NDArray[Any]) -> Any:
        """Wrap labels.

        Args:
            labels: Labels of shape (H, W), -1 where invalid.

        Returns:
            The same with the coordinates of the image.
        """
        result = self.plane.copy(data=labels)
        attributes = self.plane.attrs
        kept = {k: attributes[k] for k in _GEOREFERENCE if k in attributes}
        mapping = self.plane.encoding.get('grid_mapping')
        result.attrs = kept | {'long_name': 'class', '_FillValue': -1}
        result.encoding = {} if mapping is None else {'grid_mapping': mapping}
        result.name = 'labels'
        return result
