# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""Planet's usable data masks, UDM2."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

#: Classes of a pixel, in the order of the first six bands.
UDM2_CLASSES = ('clear', 'snow', 'shadow', 'light_haze', 'heavy_haze', 'cloud')

#: Band with the bits of the older mask, UDM1; bit 0 is black fill.
UDM1_BAND = 8

#: The bands that :func:`usable_pixels` takes.
UDM2_INDEXES = (*range(1, len(UDM2_CLASSES) + 1), UDM1_BAND)


def check_classes(classes: Sequence[str]) -> tuple[str, ...]:
    """Check names of UDM2 classes.

    Args:
        classes: Names of classes; ``haze`` means light and heavy haze.

    Returns:
        The classes.

    Raises:
        ValueError: If a class is not one of UDM2, or there is none.
    """
    known = (*UDM2_CLASSES, 'haze')
    for name in classes:
        if name not in known:
            msg = f'{name!r} is not a UDM2 class; use some of {", ".join(known)}'
            raise ValueError(msg)
    if not classes:
        msg = 'no UDM2 class is valid; name at least one, or use None to leave UDM2 out'
        raise ValueError(msg)
    return tuple(classes)


def usable_pixels(
    udm2: npt.NDArray[np.uint8], classes: Sequence[str] = ('clear',)
) -> npt.NDArray[np.bool_]:
    """Find the pixels of some classes.

    Light and heavy haze are told apart up to 2023-11-29. Since then (UDM2.1) all haze
    is in the band of light haze and that of heavy haze is zero: use ``haze`` for both.

    Args:
        udm2: The six class bands and the UDM1 band, of shape ``(7, H, W)``, see
            :data:`UDM2_INDEXES`.
        classes: Classes that are valid.

    Returns:
        True where a pixel has one of the classes and is not black fill, of shape
        ``(H, W)``.

    Source:
        https://docs.planet.com/data/imagery/udm/
    """
    names = set(classes)
    if 'haze' in names:
        names |= {'light_haze', 'heavy_haze'}
    rows = [i for i, name in enumerate(UDM2_CLASSES) if name in names]
    usable: npt.NDArray[np.bool_] = udm2[rows].any(0) & ((udm2[-1] & 1) == 0)
    return usable
