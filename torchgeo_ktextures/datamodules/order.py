# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

"""An order of scenes that does not depend on how they were listed."""

import hashlib
import os
from collections.abc import Sequence

import numpy as np

from ..datasets.array_image import ArrayImage

#: Rows and columns of an image, at most, that tell it from others.
_SAMPLE = 64


def in_order(paths: Sequence[str]) -> list[str]:
    """Sort rasters, so that their order does not change a fit.

    Args:
        paths: Rasters, or folders of them.

    Returns:
        Paths by name and folder.
    """
    return sorted(paths, key=lambda path: (os.path.basename(path), path))


def images_in_order(images: Sequence[ArrayImage]) -> list[ArrayImage]:
    """Sort images by what they hold.

    Args:
        images: Images.

    Returns:
        The images in an order that is the same for the same images.
    """
    return sorted(images, key=_digest) if len(images) > 1 else list(images)


def _digest(image: ArrayImage) -> bytes:
    _, height, width = image.shape
    rows, cols = (
        np.linspace(0, n - 1, min(n, _SAMPLE)).round().astype(np.intp)
        for n in (height, width)
    )
    data, invalid = image.read(rows, cols)
    data[invalid] = 0
    return hashlib.sha256(data.tobytes() + str(image.shape).encode()).digest()
