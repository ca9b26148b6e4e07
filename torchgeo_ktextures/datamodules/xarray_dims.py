# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Which dimensions of an array of xarray are bands, rows and columns."""

from typing import Any, NamedTuple

#: Names that dimensions have, in lower case, the surest first.
_NAMES = {
    'band': 'band bands channel channels variable variables wavelength wavelengths '
    'spectral c',
    'y': 'y yc lat latitude northing northings row rows line lines height ydim rlat h',
    'x': 'x xc lon long longitude easting eastings col cols column columns sample '
    'samples width xdim rlon w',
    'time': 'time times t date dates datetime valid_time year month day season step',
}
_ROLES = {name: role for role, names in _NAMES.items() for name in names.split()}
_RANKS = {name: rank for rank, name in enumerate(_ROLES)}

#: Attributes of coordinates that tell the same.
#: https://cfconventions.org/Data/cf-conventions/cf-conventions-1.11/cf-conventions.html
_AXES = {'x': 'x', 'y': 'y', 't': 'time'}
_STANDARD_NAMES = {
    'projection_x_coordinate': 'x',
    'projection_y_coordinate': 'y',
    'longitude': 'x',
    'latitude': 'y',
    'grid_longitude': 'x',
    'grid_latitude': 'y',
    'time': 'time',
}


class Dims(NamedTuple):
    """Names of dimensions."""

    #: Bands, or None where there is one without a dimension.
    band: Any
    y: Any
    x: Any
    #: Dimensions of size one that are neither.
    extra: tuple[Any, ...]
    #: Whether rows and columns are known by their names, and not by their order.
    named: bool


def role_of(array: Any, dim: Any) -> str | None:
    """Tell what a dimension is by its name, or by its coordinate.

    Args:
        array: Array or dataset of xarray.
        dim: Name of the dimension.

    Returns:
        Either 'band', 'y', 'x', 'time', or None if it is not known.
    """
    role = _ROLES.get(_plain(dim))
    if role is not None or dim not in array.coords:
        return role
    coordinate = array.coords[dim]
    if coordinate.dtype.kind == 'M':
        return 'time'
    axis = str(coordinate.attrs.get('axis', '')).lower()
    return _AXES.get(axis) or _STANDARD_NAMES.get(
        str(coordinate.attrs.get('standard_name', ''))
    )


def _plain(dim: Any) -> str:
    return str(dim).strip().lower()


def find_dims(array: Any) -> Dims:
    """Find bands, rows and columns.

    Names decide, in any order. Dimensions with other names are what is missing of
    bands, rows and columns, in this order.

    Args:
        array: Array of xarray.

    Returns:
        Names of the dimensions.

    Raises:
        ValueError: If there are further dimensions, or too few.
    """
    sizes = dict(zip(array.dims, array.shape, strict=True))
    roles: dict[str, Any] = {}
    for dim in sorted(sizes, key=lambda dim: _RANKS.get(_plain(dim), len(_RANKS))):
        role = role_of(array, dim)
        if role not in (None, 'time'):
            roles.setdefault(role, dim)
    named = {'y', 'x'} <= set(roles)
    if not named and _plain(roles.get('band')) == 'c':
        del roles['band']  # dimensions that are called a, b and c tell nothing
    others = [dim for dim in sizes if dim not in roles.values()]
    times = [dim for dim in others if role_of(array, dim) == 'time']
    unknown = [dim for dim in others if dim not in times]
    missing = [role for role in ('band', 'y', 'x') if role not in roles]
    if len(unknown) > len(missing):
        unknown = [dim for dim in unknown if sizes[dim] > 1]
    if len(unknown) < len(missing) and missing[0] == 'band':
        missing = missing[1:]
    if len(unknown) < len(missing):
        msg = f'an image has dimensions {_shown(sizes)}: {" and ".join(missing)} not '
        msg += 'found; name them with .rename, as band, y and x'
        raise ValueError(msg)
    roles |= zip(missing, unknown, strict=False)
    extra = tuple(dim for dim in sizes if dim not in roles.values())
    for dim in extra:
        if sizes[dim] > 1:
            what = 'dates' if dim in times else 'entries'
            msg = f'an image has dimensions {_shown(sizes)}, with {sizes[dim]} {what} '
            msg += f'along {dim!r}; choose one with .isel({dim}=0), or give a list: '
            msg += f'[image.isel({dim}=i) for i in range({sizes[dim]})]'
            raise ValueError(msg)
    return Dims(roles.get('band'), roles['y'], roles['x'], extra, named)


def _shown(sizes: dict[Any, int]) -> str:
    return '(' + ', '.join(f'{dim}: {n}' for dim, n in sizes.items()) + ')'
